import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol
import NotifluxWebSocket

/// One WebSocket connection after its handshake: feeds the ``SessionMachine`` with what the socket and the clock say,
/// carries out what it wants, and is the place where the hub's messages meet the socket. Confined to its event loop.
final class SessionHandler: Connection, ChannelInboundHandler, PublicationSink {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let worker: Worker
  private var machine: SessionMachine
  private var decoder = FrameDecoder(role: .server, maximumMessageLength: Limits.clientMessage)
  private var context: ChannelHandlerContext?
  /// Set once nothing the peer sends is looked at any more.
  private var isDeaf = false
  /// Whether the hub will flush us at the end of its burst.
  private var awaitsFlush = false
  private lazy var subscriber = LoopHub<SessionHandler>.Subscriber(sink: self)

  init(worker: Worker) {
    self.worker = worker
    machine = SessionMachine(now: worker.now)
  }

  // MARK: Socket

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    worker.schedule(self, at: machine.deadline)
  }

  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard !isDeaf else { return }
    decoder.feed(unwrapInboundIn(data))
    do {
      while !isDeaf, let event = try decoder.next() { perform(machine.receive(event, now: worker.now)) }
    } catch {
      worker.services.logger.debug(
        "websocket broken", metadata: [LogKey.code: "\(error.code.rawValue)", LogKey.reason: "\(error.reason)"])
      perform(machine.fail(error, now: worker.now))
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) { context.flush() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    worker.services.logger.debug("connection failed", metadata: [LogKey.reason: "\(error)"])
    context.close(promise: nil)
  }

  private func leave() {
    guard context != nil else { return }
    context = nil
    worker.hub.table.unsubscribeAll(subscriber)
    worker.remove(self)
  }

  // MARK: Clock

  override func timeOut(now: Int) {
    perform(machine.tick(now: now))
    guard let context else { return }
    context.flush()
    worker.schedule(self, at: machine.deadline)
  }

  override func drain(reconnectIn milliseconds: Int) {
    close(.goingAway, ReconnectHint.reason(milliseconds: milliseconds))
  }

  // MARK: Messages

  func deliver(_ frame: ByteBuffer) {
    guard let context, machine.isOpen else { return }
    guard hasRoom(for: frame, context: context) else { return closeSlowConsumer() }
    context.write(wrapOutboundOut(frame), promise: nil)
    guard !awaitsFlush else { return }
    awaitsFlush = true
    worker.hub.flushAfterBurst(subscriber)
  }

  func flushDeliveries() {
    awaitsFlush = false
    context?.flush()
  }

  /// Whether `frame` fits under `--max-pending`. What waits only for the end of the burst does not count: it is offered
  /// to the socket before judging.
  private func hasRoom(for frame: ByteBuffer, context: ChannelHandlerContext) -> Bool {
    let limit = worker.configuration.maximumPending
    if context.channel.isWritable && frame.readableBytes <= limit - Listener.writeBufferHighMark { return true }
    if pendingBytes(context) + frame.readableBytes <= limit { return true }
    context.flush()
    return pendingBytes(context) + frame.readableBytes <= limit
  }

  private func pendingBytes(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  private func closeSlowConsumer() {
    worker.services.logger.info(
      "slow consumer closed", metadata: [LogKey.limit: "\(worker.configuration.maximumPending)"])
    close(.tryAgainLater, "slow consumer")
  }

  private func close(_ code: CloseCode, _ reason: String) {
    perform(machine.close(code, reason, now: worker.now))
    guard let context else { return }
    context.flush()
    worker.schedule(self, at: machine.deadline)
  }

  // MARK: Actions

  private func perform(_ actions: [SessionAction]) {
    for action in actions {
      guard let context else { return }
      perform(action, context: context)
    }
  }

  private func perform(_ action: SessionAction, context: ChannelHandlerContext) {
    switch action {
    case .reply(let text): send(TextFrame.encode(text), context: context)
    case .subscribe(let topic, let token): subscribe(topic, token: token, context: context)
    case .unsubscribe(let topic):
      if let topic = try? Topic(topic) { worker.hub.table.unsubscribe(subscriber, from: topic) }
    case .unsubscribeAll: worker.hub.table.unsubscribeAll(subscriber)
    case .ping: send(FrameEncoder.ping(role: .server), context: context)
    case .pong(let payload): send(FrameEncoder.pong(role: .server, payload: payload), context: context)
    case .close(let code, let reason):
      worker.hub.table.unsubscribeAll(subscriber)
      send(FrameEncoder.close(role: .server, code: code, reason: reason), context: context)
    case .endOutput:
      isDeaf = true
      context.flush()
      context.close(mode: .output, promise: nil)
    case .disconnect:
      isDeaf = true
      context.flush()
      context.close(promise: nil)
    }
  }

  /// Answers are bounded like messages: a client that asks without reading is a slow consumer too.
  private func send(_ frame: ByteBuffer, context: ChannelHandlerContext) {
    if machine.isOpen && !hasRoom(for: frame, context: context) { return closeSlowConsumer() }
    context.write(wrapOutboundOut(frame), promise: nil)
  }

  private func subscribe(_ name: String, token: String, context: ChannelHandlerContext) {
    do throws(Refusal) {
      let topic = try Topic(name)
      try worker.services.authorizer.authorize(token, scope: .subscribe, topics: [topic])
      let limit = worker.configuration.maximumSubscriptions
      guard subscriber.count < limit || worker.hub.table.isSubscribed(subscriber, to: topic) else {
        throw Refusal(
          .tooManySubscriptions, "this connection holds \(limit) topics, the most allowed; unsubscribe from one first")
      }
      worker.hub.table.subscribe(subscriber, to: topic)
    } catch {
      worker.services.logger.info(
        "subscribe refused", metadata: [LogKey.code: "\(error.code.rawValue)", LogKey.reason: "\(error.message)"])
      send(TextFrame.encode(ServerReply.subscribeRefused(topic: name, reason: error.message)), context: context)
    }
  }
}

@available(*, unavailable)
extension SessionHandler: Sendable {}
