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
  /// What has arrived but was not looked at yet, the next one last. Looked at one by one, so that what is known of the
  /// topics' places is always what was handed out.
  private var arrived: [LinkEvent] = []
  /// What is to be handed out, the next one last.
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
        if let event = arrived.popLast() {
          take(event, from: link)
        } else if let end = ending.take() {
          try disconnected(.init(end), lived: subscription.pacing.now() - since)
        } else {
          arrived = await link.nextEvents().reversed()
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
    let topics = subscription.state.withLockedValue { state in state.topics.filter { state.ownTokens[$0] == nil } }
    do throws(HandshakeFailure) {
      let token = topics.isEmpty ? nil : try await token(for: topics, isolation: actor)
      let link = try await WebSocketLink.connect(subscription.connector, configuration: subscription.configuration)
      phase = .connected(link, since: subscription.pacing.now())
      events = subscribe(over: link, topics, token) + [.connected]
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

  /// `token` is for `topics`; those that were added since then brought their own. Returns the refusals of those that
  /// cannot be sent.
  private func subscribe(over link: WebSocketLink, _ topics: [Topic], _ token: String?) -> [SubscriptionEvent] {
    let known = Set(topics)
    return subscription.state.withLockedValue { state in
      let unfit = link.mode == .text ? state.topics.filter { !$0.fitsTextCommands } : []
      for topic in unfit { state.drop(topic) }
      switch link.mode {
      case .text: state.session = TextSession()
      case .envelope: state.session = EnvelopeSession(resuming: state.positions)
      }
      state.link = link
      var shared: [Topic] = []
      for topic in state.topics {
        if known.contains(topic) {
          shared.append(topic)
        } else if let own = state.ownTokens[topic] ?? state.spareTokens[topic] {
          link.send(state.session.subscribe([topic], since: nil, token: own))
        }
      }
      if let token, !shared.isEmpty { link.send(state.session.subscribe(shared, since: nil, token: token)) }
      state.spareTokens = [:]
      return unfit.map { .refused($0, reason: Refusal.unfitForTextMode($0).message) }
    }
  }

  private func take(_ event: LinkEvent, from link: WebSocketLink) {
    if case .ended(let end) = event { ending = end }
    let events = subscription.state.withLockedValue { state in
      let reaction = state.session.received(event)
      if !reaction.commands.isEmpty { link.send(reaction.commands) }
      for case .refused(let topic, _) in reaction.events where !state.session.holds(topic) { state.drop(topic) }
      return reaction.events
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
      subscription.state.withLockedValue { state in
        // Text mode leaves those of an earlier connection as they are: rather something twice than not at all.
        if link.mode == .envelope { state.positions = state.session.positions }
        state.epoch = state.session.epoch ?? state.epoch
        state.link = nil
      }
      arrived = []
      link.close()
    }
    phase = .ended
  }
}

extension Subscription.State {
  /// Goes on without the topic.
  fileprivate mutating func drop(_ topic: Topic) {
    topics.removeAll { $0 == topic }
    ownTokens[topic] = nil
    spareTokens[topic] = nil
    positions[topic] = nil
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
