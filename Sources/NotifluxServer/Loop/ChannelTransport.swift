import Logging
import NIOCore

/// The socket of a TLS connection: the last handler of its channel. Confined to the channel's loop.
final class ChannelTransport: ChannelInboundHandler, Transport {
  typealias InboundIn = ByteBuffer

  var connection: Connection?
  var client: ClientAddress
  /// Takes the connection that is to speak first; called once the channel is ready.
  private let begin: (ChannelTransport) -> Void
  private let logger: Logger
  private let loop: ChannelLoop
  /// `nil` once closed.
  private var context: ChannelHandlerContext?
  private var isPaused = false
  private var isFinishing = false
  /// What came in while reading was paused: decrypted already, so it cannot be left in the socket.
  private var unread = ByteBuffer()

  init(client: ClientAddress, loop: ChannelLoop, logger: Logger, begin: @escaping (ChannelTransport) -> Void) {
    self.client = client
    self.loop = loop
    self.logger = logger
    self.begin = begin
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    begin(self)
  }

  func channelInactive(context: ChannelHandlerContext) { disconnect() }

  func handlerRemoved(context: ChannelHandlerContext) { disconnect() }

  private func disconnect() {
    context = nil
    let last = connection
    connection = nil
    last?.transportClosed()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let bytes = unwrapInboundIn(data)
    loop.received(bytes.readableBytes)
    guard !isPaused else { return _ = unread.writeImmutableBuffer(bytes) }
    bytes.withUnsafeReadableBytes { connection?.received($0) }
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { connection?.inputEnded() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { connection?.becameWritable() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    logger.debug("connection failed", metadata: [LogKey.reason: "\(error)"])
    context.close(promise: nil)
  }

  // MARK: Transport

  func write(_ bytes: ByteBuffer) {
    guard !isFinishing else { return }
    loop.sent(bytes.readableBytes)
    context?.write(NIOAny(bytes), promise: nil)
  }

  func flush() { context?.flush() }

  func flushNow() { context?.flush() }

  var unsentBytes: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

  var isWritable: Bool { context?.channel.isWritable ?? false }

  func pauseReading() {
    isPaused = true
    try? context?.channel.syncOptions?.setOption(.autoRead, value: false)
  }

  func resumeReading() {
    guard isPaused, let context else { return }
    isPaused = false
    // The caller may be in the middle of something.
    context.eventLoop.assumeIsolated().execute {
      guard !self.isPaused else { return }
      var bytes = ByteBuffer()
      swap(&bytes, &self.unread)
      bytes.withUnsafeReadableBytes { if $0.count > 0 { self.connection?.received($0) } }
      if !self.isPaused { try? self.context?.channel.syncOptions?.setOption(.autoRead, value: true) }
    }
  }

  func finishOutput() {
    guard !isFinishing else { return }
    isFinishing = true
    context?.flush()
    context?.close(mode: .output, promise: nil)
  }

  func close() {
    guard let context else { return }
    context.flush()
    disconnect()
    context.close(promise: nil)
  }
}

@available(*, unavailable)
extension ChannelTransport: Sendable {}
