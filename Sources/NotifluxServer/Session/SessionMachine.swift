import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// What a session wants done, in order.
enum SessionAction: Equatable {
  /// Text mode alone has answers that are no envelopes.
  case reply(String)
  case say(ServerEnvelope)
  /// A message that means nothing to the hub: for ``ServerConfiguration/messageHandler``.
  case handle(WebSocketEvent)
  case subscribe(ServerEnvelope.Subject, token: String?, since: Cursor?, id: RequestID?)
  case unsubscribe(Topic)
  case unsubscribeAll
  case ping
  case pong(ByteBuffer)
  /// Leave every topic, then send a close frame; the peer's answer is awaited.
  case close(CloseCode?, String)
  /// Send nothing more and understand nothing more; the peer closes the socket when it has read what was sent.
  /// Closing it under unread input would reset the connection, and the peer might never see the close frame.
  case endOutput
  /// Close the socket.
  case disconnect
}

/// One WebSocket session as a pure state machine: what the peer does and what the clock says go in, actions come out.
/// Time is counted in ticks of one second.
struct SessionMachine {
  /// How messages are read.
  enum Mode: Sendable {
    case text, envelope
    /// By someone else.
    case foreign
  }

  private enum State: Equatable {
    case open
    /// We sent a close frame; `until` is when we stop waiting for the peer's.
    case closing(until: Int32)
    case closed
  }

  // Ticks in four bytes each: every idle connection has a machine.
  private let mode: Mode
  private var state = State.open
  private var lastFrame: Int32
  private var nextPing: Int32

  init(mode: Mode = .text, now: Int) {
    self.mode = mode
    lastFrame = Int32(clamping: now)
    nextPing = Int32(clamping: now + Limits.pingInterval)
  }

  /// Messages are delivered only while this holds.
  var isOpen: Bool { state == .open }

  /// When ``tick(now:)`` is due next.
  var deadline: Int {
    switch state {
    case .open: min(Int(nextPing), Int(lastFrame) + Limits.idleTimeout)
    case .closing(let until): Int(until)
    case .closed: .max
    }
  }

  mutating func receive(_ event: WebSocketEvent, now: Int) -> [SessionAction] {
    lastFrame = Int32(clamping: now)
    switch (state, event) {
    case (.closed, _): return []
    case (.closing, .close):
      state = .closed
      return [.disconnect]
    case (.closing, _): return []
    case (.open, .close(let code, _)):
      // RFC 6455 §5.5.1: answer with the same code; the server then closes the connection first (§7.1.1).
      state = .closed
      return [.close(code, ""), .disconnect]
    case (.open, .ping(let payload)): return [.pong(payload)]
    case (.open, .pong): return []
    case (.open, .text) where mode == .foreign, (.open, .binary) where mode == .foreign: return [.handle(event)]
    case (.open, .binary):
      let refusal = Refusal(.badRequest, "binary messages are not understood; send JSON as text")
      return mode == .text ? [] : [.say(.error(refusal, topic: nil, id: nil))]
    case (.open, .text(let message)):
      return mode == .text ? Self.command(String(buffer: message)) : Self.request(message)
    }
  }

  private static func command(_ message: String) -> [SessionAction] {
    switch ClientCommand.parse(message) {
    case nil: return []
    case .subscribe(let name, let token):
      do { return [.subscribe(.topic(try Topic(name)), token: token, since: nil, id: nil)] } catch {
        return [.say(.error(error, topic: name, id: nil))]
      }
    case .unsubscribe(let name): return (try? Topic(name)).map { [.unsubscribe($0)] } ?? []
    case .unsubscribeAll: return [.unsubscribeAll]
    case .malformedSubscribe: return [.reply(ServerReply.malformedSubscribe)]
    case .unknown: return [.reply(ServerReply.unknownCommand)]
    }
  }

  private static func request(_ message: ByteBuffer) -> [SessionAction] {
    let parsed = message.withUnsafeReadableBytes { bytes in
      Result { () throws(ClientEnvelope.Failure) in try ClientEnvelope(json: bytes) }
    }
    switch parsed {
    case .failure(let failure): return [.say(.error(failure.refusal, topic: failure.topic, id: failure.id))]
    case .success(let envelope):
      switch envelope.request {
      case .subscribe(let topics, let isList, let token, let since):
        let subject = isList ? ServerEnvelope.Subject.topics(topics) : .topic(topics[0])
        return [.subscribe(subject, token: token, since: since, id: envelope.id)]
      case .unsubscribe(let topic): return [.unsubscribe(topic), .say(.unsubscribed(topic, id: envelope.id))]
      case .unsubscribeAll: return [.unsubscribeAll, .say(.unsubscribed(nil, id: envelope.id))]
      case .ping: return [.say(.pong(id: envelope.id))]
      }
    }
  }

  /// Closes the session from our side, once.
  mutating func close(_ code: CloseCode, _ reason: String, now: Int) -> [SessionAction] {
    guard state == .open else { return [] }
    state = .closing(until: Int32(clamping: now + Limits.closeTimeout))
    return [.close(code, reason)]
  }

  /// After a protocol error nothing the peer sends can be understood any more, so its answer is not awaited.
  mutating func fail(_ failure: WebSocketFailure, now: Int) -> [SessionAction] {
    guard state == .open else { return [.disconnect] }
    state = .closing(until: Int32(clamping: now + Limits.closeTimeout))
    return [.close(failure.code, failure.reason), .endOutput]
  }

  /// Whether a ping is due within `ticks`; it counts as sent then. For a ping that rides on a message: it costs no system
  /// call of its own.
  mutating func takePing(now: Int, within ticks: Int) -> Bool {
    guard state == .open, Int(nextPing) <= now + ticks else { return false }
    nextPing = Int32(clamping: now + Limits.pingInterval)
    return true
  }

  /// Whether ``tick(now:)`` will close the session because nothing was heard of the peer.
  func isSilent(now: Int) -> Bool { state == .open && now >= Int(lastFrame) + Limits.idleTimeout }

  mutating func tick(now: Int) -> [SessionAction] {
    switch state {
    case .closed: return []
    case .closing(let until):
      guard now >= until else { return [] }
      state = .closed
      return [.disconnect]
    case .open:
      if isSilent(now: now) {
        state = .closed
        return [.close(.goingAway, "no frame for \(Limits.idleTimeout) s"), .disconnect]
      }
      guard now >= nextPing else { return [] }
      nextPing = Int32(clamping: now + Limits.pingInterval)
      return [.ping]
    }
  }
}
