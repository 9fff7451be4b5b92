import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol
import NotifluxWebSocket

/// One WebSocket connection after its handshake: feeds the ``SessionMachine`` with what the socket and the clock say, and
/// carries out what it wants. Confined to its event loop.
final class SessionConnection: SubscriberConnection {
  /// What came in and waits for more of it, or for its turn; an idle connection has none.
  private final class Input {
    var decoder: FrameDecoder
    /// A token is being verified: what comes after must wait for what it decides.
    var awaitsVerdict = false

    init(maximumMessageLength: Int, inflates: Bool) {
      decoder = FrameDecoder(role: .server, maximumMessageLength: maximumMessageLength, inflates: inflates)
    }
  }

  private var machine: SessionMachine
  private var input: Input?
  /// Set once nothing the peer sends is looked at any more.
  private var isDeaf = false

  /// `form` is one of a WebSocket.
  override init(worker: Worker, form: WireForm) {
    let isForeign = worker.configuration.messageHandler != nil
    machine = SessionMachine(
      mode: isForeign ? .foreign : form.plain == .envelope ? .envelope : .text, now: worker.now)
    super.init(worker: worker, form: form)
  }

  override var isOpen: Bool { machine.isOpen }

  // MARK: Socket

  override func connected() {
    worker.schedule(self, at: machine.deadline)
    guard form.plain == .envelope else { return }
    let place = worker.services.hub.cursor(worker.hub.delivered)
    say(.welcome(place, pingInterval: Limits.pingInterval), position: place)
    transport?.flush()
  }

  /// The same bytes for everybody.
  private static let ping = FrameEncoder.ping(role: .server)

  override func received(_ bytes: UnsafeRawBufferPointer) {
    guard !isDeaf else { return }
    // What an idle client sends all its life needs no decoder.
    if input == nil, FrameDecoder.isPong(bytes) {
      return perform(machine.receive(.pong(ByteBuffer()), now: worker.now))
    }
    let input =
      input
      ?? Input(maximumMessageLength: worker.configuration.maximumClientMessage, inflates: form.window != nil)
    input.decoder.feed(ByteBuffer(bytes: bytes))
    work(input)
  }

  private func work(_ input: Input) {
    do {
      while !isDeaf, !input.awaitsVerdict {
        self.input = input
        guard let event = try input.decoder.next() else {
          if input.decoder.isIdle { self.input = nil }
          break
        }
        perform(machine.receive(event, now: worker.now))
      }
    } catch {
      worker.closes(self, for: .protocolError, reason: "\(error.code.rawValue) \(error.reason)")
      perform(machine.fail(error, now: worker.now))
    }
    transport?.flush()
  }

  override func disconnected() {
    super.disconnected()
    isDeaf = true
    input = nil
  }

  // MARK: Clock

  override func timeOut(now: Int) {
    if machine.isSilent(now: now) {
      worker.closes(self, for: .silence, reason: "no frame for \(Limits.idleTimeout) s")
    }
    perform(machine.tick(now: now))
    guard let transport else { return }
    transport.flush()
    worker.schedule(self, at: machine.deadline)
  }

  override func rideAlong(on transport: any Transport) {
    if machine.takePing(now: worker.now, within: 1) { transport.write(Self.ping) }
  }

  override func drain(reconnectIn milliseconds: Int) {
    close(.goingAway, ReconnectHint.reason(milliseconds: milliseconds))
  }

  override func closeSlowConsumer() {
    closesAsSlowConsumer()
    close(.tryAgainLater, "slow consumer")
  }

  override func closeRevoked() { close(.unauthorized, RevocationList.refusal.message) }

  private func close(_ code: CloseCode, _ reason: String) {
    perform(machine.close(code, reason, now: worker.now))
    guard let transport else { return }
    transport.flush()
    worker.schedule(self, at: machine.deadline)
  }

  // MARK: Actions

  private func perform(_ actions: [SessionAction]) {
    for action in actions {
      guard let transport else { return }
      perform(action, transport: transport)
    }
  }

  private func perform(_ action: SessionAction, transport: any Transport) {
    switch action {
    case .reply(let text): send(FrameEncoder.text(text))
    case .say(let envelope): say(envelope)
    case .handle(let message): handle(message)
    case .subscribe(let subject, let token, let since, let id): subscribe(subject, token, since, id)
    case .unsubscribe(let topic): unsubscribe(from: topic)
    case .unsubscribeAll: unsubscribeAll()
    case .ping: send(Self.ping)
    case .pong(let payload): send(FrameEncoder.pong(role: .server, payload: payload))
    case .close(let code, let reason):
      unsubscribeAll()
      send(FrameEncoder.close(role: .server, code: code, reason: reason))
    case .endOutput:
      isDeaf = true
      transport.finishOutput()
    case .disconnect:
      isDeaf = true
      transport.close()
    }
  }

  private func handle(_ message: WebSocketEvent) {
    let frame: ByteBuffer
    switch worker.configuration.messageHandler?(message) {
    case .text(let payload): frame = FrameEncoder.text(payload)
    case .binary(let payload): frame = FrameEncoder.binary(payload)
    default: return
    }
    send(form.window.map { FrameEncoder.deflated(frame, window: $0) } ?? frame)
  }

  private func say(_ envelope: ServerEnvelope) {
    say(envelope, position: worker.services.hub.cursor(worker.hub.delivered))
  }

  // MARK: Subscribing

  private func subscribe(_ subject: ServerEnvelope.Subject, _ token: String?, _ since: Cursor?, _ id: RequestID?) {
    switch worker.services.authorizer.authorize(token, scope: .subscribe, topics: subject.topics, by: self) {
    case .granted(let names): subscribe(subject, since, id, openedBy: names)
    case .refused(let refusal): refuse(refusal, subject, id)
    case .unverified(let verification):
      guard let input else { return }
      input.awaitsVerdict = true
      transport?.pauseReading()
      verification.run(on: worker.loop) { verdict in
        input.awaitsVerdict = false
        guard let transport = self.transport else { return }
        // A session that we closed meanwhile wants nothing more, but reads on: its peer's close is still to come.
        if self.isOpen {
          switch verdict {
          case .success(let names): self.subscribe(subject, since, id, openedBy: names)
          case .failure(let refusal): self.refuse(refusal, subject, id)
          }
        }
        transport.resumeReading()
        self.work(input)
      }
    }
  }

  private func subscribe(
    _ subject: ServerEnvelope.Subject, _ since: Cursor?, _ id: RequestID?, openedBy names: TokenNames?
  ) {
    do throws(Refusal) {
      try subscribe(to: subject, since: since, id: id, openedBy: names)
    } catch {
      refuse(error, subject, id)
    }
  }

  private func refuse(_ refusal: Refusal, _ subject: ServerEnvelope.Subject, _ id: RequestID?) {
    worker.refused(.subscribe, refusal, of: self)
    let topic: String? = if case .topic(let topic) = subject { topic.text } else { nil }
    say(.error(refusal, topic: topic, id: id))
  }
}
