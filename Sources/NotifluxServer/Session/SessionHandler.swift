import Logging
import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// One WebSocket connection after its handshake: feeds the ``SessionMachine`` with what the socket and the clock say, and
/// carries out what it wants. Confined to its event loop.
final class SessionHandler: SubscriberConnection, ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private var machine: SessionMachine
  private var decoder = FrameDecoder(role: .server, maximumMessageLength: Limits.clientMessage)
  /// Set once nothing the peer sends is looked at any more.
  private var isDeaf = false

  init(worker: Worker, mode: SessionMachine.Mode) {
    machine = SessionMachine(mode: mode, now: worker.now)
    super.init(worker: worker, form: mode == .text ? .text : .envelope)
  }

  override var isOpen: Bool { super.isOpen && machine.isOpen }

  // MARK: Socket

  func handlerAdded(context: ChannelHandlerContext) {
    join(context)
    worker.schedule(self, at: machine.deadline)
    guard form == .envelope else { return }
    let place = worker.services.hub.cursor(worker.hub.delivered)
    say(.welcome(place, pingInterval: Limits.pingInterval), position: place)
    context.flush()
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

  override func closeSlowConsumer() {
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
    case .reply(let text): send(WireForm.textFrame(text))
    case .say(let envelope): say(envelope)
    case .subscribe(let subject, let token, let since, let id): subscribe(subject, token, since, id)
    case .unsubscribe(let topic): unsubscribe(from: topic)
    case .unsubscribeAll: unsubscribeAll()
    case .ping: send(FrameEncoder.ping(role: .server))
    case .pong(let payload): send(FrameEncoder.pong(role: .server, payload: payload))
    case .close(let code, let reason):
      unsubscribeAll()
      send(FrameEncoder.close(role: .server, code: code, reason: reason))
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

  private func say(_ envelope: ServerEnvelope) {
    say(envelope, position: worker.services.hub.cursor(worker.hub.delivered))
  }

  private func subscribe(_ subject: ServerEnvelope.Subject, _ token: String?, _ since: Cursor?, _ id: RequestID?) {
    do throws(Refusal) {
      try subscribe(to: subject, token: token, since: since, id: id)
    } catch {
      worker.services.logger.info(
        "subscribe refused", metadata: [LogKey.code: "\(error.code.rawValue)", LogKey.reason: "\(error.message)"])
      let topic: String? = if case .topic(let topic) = subject { topic.text } else { nil }
      say(.error(error, topic: topic, id: id))
    }
  }
}

@available(*, unavailable)
extension SessionHandler: Sendable {}
