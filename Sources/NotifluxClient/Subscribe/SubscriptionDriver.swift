import NotifluxProtocol

/// The course of a ``Subscription``: connecting, connected, waiting, and round again. Works only while its one consumer
/// waits in ``next(isolation:)``.
final class SubscriptionDriver {
  private enum Phase {
    case connecting
    case connected(WebSocketLink, since: ContinuousClock.Instant)
    case waiting(Duration)
    case ended
  }

  private let subscription: Subscription
  private var phase = Phase.connecting
  private var reconnect: Reconnect
  private var generator: any RandomNumberGenerator & Sendable
  /// Events that were read but not handed out yet, the next one last.
  private var events: [SubscriptionEvent] = []
  private var ending: LinkEvent.End?

  init(_ subscription: Subscription) {
    self.subscription = subscription
    generator = subscription.pacing.generator
    let configuration = subscription.configuration
    reconnect = Reconnect(backoff: Backoff(base: configuration.backoffBase, cap: configuration.backoffCap))
  }

  deinit { leave() }

  func next(isolation actor: isolated (any Actor)?) async throws(ClientError) -> SubscriptionEvent? {
    while true {
      if Task.isCancelled { leave() }
      if case .ended = phase { return nil }
      if let event = events.popLast() { return event }
      switch phase {
      case .connecting: try await connect(isolation: actor)
      case .connected(let link, let since):
        if let end = ending.take() {
          try disconnected(.init(end), lived: subscription.pacing.now() - since)
        } else {
          take(await link.nextEvents())
        }
      case .waiting(let delay):
        phase = .connecting
        try? await subscription.pacing.sleep(delay)  // Throws only when cancelled, which is looked at above.
      case .ended: return nil
      }
    }
  }

  private func connect(isolation actor: isolated (any Actor)?) async throws(ClientError) {
    // Those that brought a token of their own need none from the callback.
    let topics = subscription.state.withLock { state in state.topics.filter { state.ownTokens[$0] == nil } }
    do throws(HandshakeFailure) {
      let token = topics.isEmpty ? nil : try await token(for: topics, isolation: actor)
      let link = try await WebSocketLink.connect(subscription.connector, configuration: subscription.configuration)
      subscribe(over: link, topics, token)
      phase = .connected(link, since: subscription.pacing.now())
      events = [.connected]
    } catch {
      if Task.isCancelled { return }
      try disconnected(.failed(error.error, retryAfter: error.retryAfter), lived: .zero)
    }
  }

  private func token(
    for topics: [Topic], isolation actor: isolated (any Actor)?
  ) async throws(HandshakeFailure) -> String {
    do { return try await subscription.freshToken(for: topics) } catch {
      throw HandshakeFailure(error: error)
    }
  }

  /// `token` is for `topics`; those that were added since then brought their own.
  private func subscribe(over link: WebSocketLink, _ topics: [Topic], _ token: String?) {
    let known = Set(topics)
    subscription.state.withLock { state in
      state.session = TextSession()
      state.link = link
      for topic in state.topics {
        let own = state.ownTokens[topic] ?? state.spareTokens[topic]
        guard let token = known.contains(topic) ? token : own else { continue }
        link.send(state.session.subscribe(topic, token: token))
      }
      state.spareTokens = [:]
    }
  }

  private func take(_ arrived: [LinkEvent]) {
    var events: [SubscriptionEvent] = []
    events.reserveCapacity(arrived.count)
    subscription.state.withLock { state in
      for event in arrived {
        switch event {
        case .text(let text):
          let event = state.session.received(text: text)
          if case .refused = event { state.topics = state.session.topics }
          events.append(event)
        case .pong(let number): events += state.session.received(pong: number)
        case .ended(let end): ending = end
        }
      }
    }
    self.events = events.reversed()
  }

  private func disconnected(_ ending: Reconnect.Ending, lived: Duration) throws(ClientError) {
    let error = ending.error(at: subscription.connector.endpoint)
    let decision = reconnect.decide(after: ending, lived: lived, using: &generator)
    leave()
    guard case .retry(let delay) = decision else { throw error }
    phase = .waiting(delay)
    events = [.disconnected(error, retryIn: delay)]
  }

  /// Lets go of the connection, if there is one, with a good-bye.
  private func leave() {
    if case .connected(let link, _) = phase {
      subscription.state.withLock { $0.link = nil }
      link.close()
    }
    phase = .ended
  }
}

extension Reconnect.Ending {
  init(_ end: LinkEvent.End) {
    switch end {
    case .closed(let code, let reason): self = .closed(code, reason: reason)
    case .failed(let error): self = .lost(error)
    }
  }

  func error(at endpoint: Endpoint) -> ClientError {
    switch self {
    case .failed(let error, _), .lost(let error): error
    case .closed(let code, let reason): .closed(endpoint, code: code?.rawValue ?? 1005, reason: reason)
    }
  }
}
