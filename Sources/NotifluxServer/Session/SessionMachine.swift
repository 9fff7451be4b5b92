import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// What a session wants done, in order.
enum SessionAction: Equatable {
  case reply(String)
  case subscribe(topic: String, token: String)
  case unsubscribe(topic: String)
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

/// One text-mode session as a pure state machine: what the peer does and what the clock says go in, actions come out.
/// Time is counted in ticks of one second.
struct SessionMachine {
  private enum State: Equatable {
    case open
    /// We sent a close frame; `until` is when we stop waiting for the peer's.
    case closing(until: Int)
    case closed
  }

  private var state = State.open
  private var lastFrame: Int
  private var nextPing: Int

  init(now: Int) {
    lastFrame = now
    nextPing = now + Limits.pingInterval
  }

  /// Messages are delivered only while this holds.
  var isOpen: Bool { state == .open }

  /// When ``tick(now:)`` is due next.
  var deadline: Int {
    switch state {
    case .open: min(nextPing, lastFrame + Limits.idleTimeout)
    case .closing(let until): until
    case .closed: .max
    }
  }

  mutating func receive(_ event: WebSocketEvent, now: Int) -> [SessionAction] {
    lastFrame = now
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
    case (.open, .pong), (.open, .binary): return []
    case (.open, .text(let message)): return Self.command(String(buffer: message))
    }
  }

  private static func command(_ message: String) -> [SessionAction] {
    switch ClientCommand.parse(message) {
    case nil: []
    case .subscribe(let topic, let token): [.subscribe(topic: topic, token: token)]
    case .unsubscribe(let topic): [.unsubscribe(topic: topic)]
    case .unsubscribeAll: [.unsubscribeAll]
    case .malformedSubscribe: [.reply(ServerReply.malformedSubscribe)]
    case .unknown: [.reply(ServerReply.unknownCommand)]
    }
  }

  /// Closes the session from our side, once.
  mutating func close(_ code: CloseCode, _ reason: String, now: Int) -> [SessionAction] {
    guard state == .open else { return [] }
    state = .closing(until: now + Limits.closeTimeout)
    return [.close(code, reason)]
  }

  /// After a protocol error nothing the peer sends can be understood any more, so its answer is not awaited.
  mutating func fail(_ failure: WebSocketFailure, now: Int) -> [SessionAction] {
    guard state == .open else { return [.disconnect] }
    state = .closing(until: now + Limits.closeTimeout)
    return [.close(failure.code, failure.reason), .endOutput]
  }

  mutating func tick(now: Int) -> [SessionAction] {
    switch state {
    case .closed: return []
    case .closing(let until):
      guard now >= until else { return [] }
      state = .closed
      return [.disconnect]
    case .open:
      if now >= lastFrame + Limits.idleTimeout {
        state = .closed
        return [.close(.goingAway, "no frame for \(Limits.idleTimeout) s"), .disconnect]
      }
      guard now >= nextPing else { return [] }
      nextPing = now + Limits.pingInterval
      return [.ping]
    }
  }
}
