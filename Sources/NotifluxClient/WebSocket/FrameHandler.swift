import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// The client's end of a WebSocket connection after the handshake: frames in and out, pings answered, the closing
/// handshake (RFC 6455 §7), a peer that fell silent noticed. Confined to its channel's event loop.
final class FrameHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let endpoint: Endpoint
  private let idleTimeout: TimeAmount
  private let messageHandler: (@Sendable (WebSocketEvent) -> WebSocketEvent?)?
  private let pingObserver: (@Sendable () -> Void)?
  private let buffer: EventBuffer
  private var decoder: FrameDecoder
  /// What this turn of the loop brought.
  private var batch: [LinkEvent] = []
  private var context: ChannelHandlerContext?
  private var lastRead = NIODeadline.now()
  private var idleTimer: Scheduled<Void>?
  /// Whether the consumer lags. The socket is not read then, so the server feels it.
  private var isPaused = false
  /// Whether the channel asked to read meanwhile.
  private var owesRead = false
  private var hasEnded = false
  private var hasSentClose = false

  init(endpoint: Endpoint, configuration: ClientConfiguration, buffer: EventBuffer) {
    self.endpoint = endpoint
    self.buffer = buffer
    idleTimeout = TimeAmount(configuration.idleTimeout)
    messageHandler = configuration.messageHandler
    pingObserver = configuration.pingObserver
    decoder = FrameDecoder(role: .client, maximumMessageLength: configuration.maximumMessageLength)
  }

  // MARK: - Outwards

  /// `promise` completes when the text is with the kernel.
  func send(_ text: String, promise: EventLoopPromise<Void>?) {
    guard let context, !hasSentClose else {
      promise?.fail(ClientError.unreachable(endpoint, reason: "the connection is closed"))
      return
    }
    let frame = FrameEncoder.maskedText(text)
    context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
  }

  func sendPing(_ number: UInt64) {
    guard let context, !hasSentClose else { return }
    let frame = FrameEncoder.ping(role: .client, payload: ByteBuffer(integer: number))
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
  }

  /// Says good-bye; the peer has ``Limits/closeTimeout`` seconds to answer.
  func close(_ code: CloseCode?, reason: String = "") {
    guard let context, !hasSentClose else { return }
    hasSentClose = true
    let frame = FrameEncoder.close(role: .client, code: code, reason: reason)
    context.writeAndFlush(wrapOutboundOut(frame), promise: nil)
    let channel = context.channel
    let timer = context.eventLoop.scheduleTask(in: .seconds(Int64(Limits.closeTimeout))) {
      channel.close(promise: nil)
    }
    channel.closeFuture.whenComplete { _ in timer.cancel() }
  }

  /// The consumer has caught up.
  func resumeReading() {
    guard isPaused else { return }
    isPaused = false
    lastRead = .now()
    guard owesRead else { return }
    owesRead = false
    context?.read()
  }

  func read(context: ChannelHandlerContext) {
    if isPaused { owesRead = true } else { context.read() }
  }

  // MARK: - Inwards

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    watchForSilence(context)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    idleTimer?.cancel()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastRead = .now()
    guard !hasEnded else { return }
    decoder.feed(unwrapInboundIn(data))
    do {
      while !hasEnded, let event = try decoder.next() { received(event, context) }
    } catch {
      end(.failed(ClientError(error, at: endpoint)))
      close(error.code, reason: error.reason)
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    context.flush()
    deliver()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(.failed(ClientError(error, at: endpoint)))
    deliver()
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(.failed(.unreachable(endpoint, reason: "the connection was lost")))
    deliver()
  }

  private func received(_ event: WebSocketEvent, _ context: ChannelHandlerContext) {
    switch event {
    case .text where messageHandler != nil, .binary where messageHandler != nil: handle(event, context)
    case .text(let bytes): batch.append(.text(String(buffer: bytes)))
    case .binary: break  // Not part of the protocol.
    case .ping(let payload):
      pingObserver?()
      if !hasSentClose {
        context.write(wrapOutboundOut(FrameEncoder.pong(role: .client, payload: payload)), promise: nil)
      }
    case .pong(var payload):
      if payload.readableBytes == 8, let number = payload.readInteger(as: UInt64.self) { batch.append(.pong(number)) }
    case .close(let code, let reason):
      end(.closed(code, reason: reason))
      if hasSentClose {
        context.close(promise: nil)
      } else {
        close(code)  // The server closes the TCP connection after this (§7.1.1), or the timer does.
      }
    }
  }

  private func handle(_ message: WebSocketEvent, _ context: ChannelHandlerContext) {
    guard !hasSentClose else { return }
    let (opcode, payload): (Opcode, ByteBuffer)
    switch messageHandler?(message) {
    case .text(let bytes): (opcode, payload) = (.text, bytes)
    case .binary(let bytes): (opcode, payload) = (.binary, bytes)
    default: return
    }
    let frame = FrameEncoder.masked(opcode, payload)
    context.write(wrapOutboundOut(frame), promise: nil)
  }

  private func end(_ end: LinkEvent.End) {
    guard !hasEnded else { return }
    hasEnded = true
    batch.append(.ended(end))
  }

  private func deliver() {
    guard !batch.isEmpty else { return }
    let wantsMore = buffer.append(batch)
    batch.removeAll()
    // After the end there is nothing left to hold back, only the peer's closing of the connection to see.
    if !wantsMore && !hasEnded { isPaused = true }
  }

  /// Ends the connection when nothing came for ``ClientConfiguration/idleTimeout``, unless we did not look.
  private func watchForSilence(_ context: ChannelHandlerContext) {
    let deadline = (isPaused ? .now() : lastRead) + idleTimeout
    idleTimer = context.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      guard let context = self.context, !self.hasEnded else { return }
      if !self.isPaused && self.lastRead + self.idleTimeout <= .now() {
        let silence = Duration(self.idleTimeout).forPeople
        self.end(.failed(.timedOut(self.endpoint, reason: "nothing was heard from the server for \(silence)")))
        self.deliver()
        context.close(promise: nil)
      } else {
        self.watchForSilence(context)
      }
    }
  }
}
