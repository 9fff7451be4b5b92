import NIOConcurrencyHelpers
import NotifluxProtocol

/// Messages of some topics as an asynchronous sequence, for as long as it is iterated: it connects, subscribes, and does
/// both again whenever the connection is lost.
///
///     let news = client.subscribe(to: [topic]) { topics in try await backend.subscribeToken(for: topics) }
///     for try await event in news {
///       switch event {
///       case .message(let message): print(message.data)
///       case .gap(let gap): print("messages of \(gap.topic) are lost")
///       default: break
///       }
///     }
///
/// Each message of a topic is handed out once and in order, whatever happens to the connections; what cannot be had any
/// more is told as a gap. Of a server that speaks text mode only, what is published between two connections is missed.
///
/// Nothing happens before the iteration starts, and nothing is read while it is slow: the server then closes the
/// connection of one that stays behind too far. Cancelling the iterating task, or leaving its loop, closes the
/// connection with a good-bye. There can be one iteration only; another ends at once.
public final class Subscription: AsyncSequence, Sendable {
  /// A subscription's events.
  public typealias Element = SubscriptionEvent
  /// Thrown for what waiting does not mend: see ``Iterator/next(isolation:)``.
  public typealias Failure = ClientError
  /// Asked for a token that allows to subscribe to all of these topics: before each connection for all that are held,
  /// and on ``add(_:)`` for that one. If it throws, the connection is tried again later.
  public typealias TokenSource = @Sendable ([Topic]) async throws -> String

  /// What a connection and those who change its topics share.
  struct State: Sendable {
    /// In the order they were asked for. Those that were refused are not here any more.
    var topics: [Topic]
    /// Of topics that were added while there was no connection.
    var spareTokens: [Topic: String] = [:]
    /// Of topics that were added with a token of their own, for every connection.
    var ownTokens: [Topic: String] = [:]
    /// Where topics go on with the next connection. With one, its session knows.
    var positions: [Topic: Cursor] = [:]
    var session: any Session = TextSession()
    var link: WebSocketLink?
    /// Of the log the last server had.
    var epoch: String?
    var isIterated = false
  }

  let connector: Connector
  let configuration: ClientConfiguration
  let pacing: Pacing
  let token: TokenSource
  let state: NIOLockedValueBox<State>

  init(
    connector: Connector, configuration: ClientConfiguration, topics: [Topic], since: Cursor?,
    pacing: Pacing, token: @escaping TokenSource
  ) {
    self.connector = connector
    self.configuration = configuration
    self.pacing = pacing
    self.token = token
    var seen: Set<Topic> = []
    var state = State(topics: topics.filter { seen.insert($0).inserted })
    if let since { for topic in state.topics { state.positions[topic] = since } }
    self.state = NIOLockedValueBox(state)
  }

  /// The topics that are held or asked for, in the order they were asked for.
  public var topics: [Topic] { state.withLockedValue(\.topics) }

  /// A place from which all the topics can be resumed without loss, by this program's next run for example: everything
  /// up to there was handed out. Where topics have come to different places it is the first of them, so that a few
  /// messages may come twice. `nil` until the server has confirmed a topic, and in text mode.
  ///
  /// Looks at all topics; of a single topic, ``Message/cursor`` is as good.
  public var cursor: Cursor? {
    state.withLockedValue { state in
      let positions = (state.link == nil ? state.positions : state.session.positions).values
      // In a log that has begun anew, only a place in the old one makes known that something is missing.
      let epoch = state.session.epoch ?? state.epoch
      let old = positions.first { epoch != nil && $0.epoch != epoch }
      return old ?? positions.min { $0.sequence < $1.sequence }
    }
  }

  /// Subscribes to one more topic. Returns when the server has been asked, or, without a connection, when it will be;
  /// the outcome is an event. A `token` given here is used for this topic from now on, and the callback is not asked.
  /// With `since`, what was published after it comes first; a topic that is held already goes on where it is.
  ///
  /// Throws ``ClientError/noToken(_:)`` if the callback throws, and ``ClientError/refused(_:status:)`` for a topic or
  /// token that cannot be sent.
  public func add(_ topic: Topic, since: Cursor? = nil, token own: String? = nil) async throws(ClientError) {
    let token: String
    if let own {
      try check(own, for: [topic])
      token = own
    } else {
      token = try await freshToken(for: [topic])
    }
    let refusal = state.withLockedValue { state -> Refusal? in
      if let link = state.link, link.mode == .text, !topic.fitsTextCommands { return .unfitForTextMode(topic) }
      let isNew = !state.topics.contains(topic)
      if isNew { state.topics.append(topic) }
      state.ownTokens[topic] = own
      if let link = state.link {
        link.send(state.session.subscribe([topic], since: isNew ? since : nil, token: token))
      } else {
        state.spareTokens[topic] = token
        if isNew { state.positions[topic] = since }
      }
      return nil
    }
    if let refusal { throw .refused(refusal, status: nil) }
  }

  /// Unsubscribes from a topic. Messages of it that are on their way still arrive. Nothing happens if it is not held.
  public func remove(_ topic: Topic) {
    state.withLockedValue { state in
      state.topics.removeAll { $0 == topic }
      state.spareTokens[topic] = nil
      state.ownTokens[topic] = nil
      state.positions[topic] = nil
      state.link?.send(state.session.unsubscribe(topic))
    }
  }

  /// Unsubscribes from all topics; the connection stays.
  public func removeAll() {
    state.withLockedValue { state in
      state.topics = []
      state.spareTokens = [:]
      state.ownTokens = [:]
      state.positions = [:]
      state.link?.send(state.session.unsubscribeAll())
    }
  }

  /// Sends a text as it stands, for those who speak the protocol themselves, best with
  /// ``ClientConfiguration/prefersTextMode``. From then on messages in text mode do not tell their topic, and answers to
  /// commands come as messages; in envelope mode such answers are not handed out. What was subscribed to in this way is
  /// lost with the connection.
  /// Throws ``ClientError/unreachable(_:reason:)`` where there is no connection.
  public func send(raw text: String) async throws(ClientError) {
    let link = state.withLockedValue { state in
      state.session.speakFreely()
      return state.link
    }
    guard let link else { throw .unreachable(connector.endpoint, reason: "there is no connection at the moment") }
    try await link.send(text)
  }

  /// The one iterator; any further one ends at once.
  public func makeAsyncIterator() -> Iterator {
    let isFirst = state.withLockedValue { state in
      defer { state.isIterated = true }
      return !state.isIterated
    }
    return Iterator(driver: isFirst ? SubscriptionDriver(self) : nil)
  }

  /// Drives the subscription: all its work is done while somebody waits for the next event.
  public struct Iterator: AsyncIteratorProtocol {
    let driver: SubscriptionDriver?

    /// The next event; `nil` once the task is cancelled. Throws when coming back would not help: the server refuses the
    /// handshake, its certificate is not trusted, a topic or token cannot be sent, it closed the connection with a code
    /// that says so, or the client was shut down.
    public mutating func next(
      isolation actor: isolated (any Actor)? = #isolation
    ) async throws(ClientError) -> SubscriptionEvent? {
      try await driver?.next(isolation: actor)
    }
  }

  /// Asks the callback, and checks that the token and, as far as that is known, the topics can be sent.
  func freshToken(for topics: [Topic]) async throws(ClientError) -> String {
    let token: String
    do { token = try await self.token(topics) } catch {
      throw error as? ClientError ?? .noToken("\(error)")
    }
    try check(token, for: topics)
    return token
  }

  private func check(_ token: String, for topics: [Topic]) throws(ClientError) {
    do throws(Refusal) {
      try Token.check(token)
      guard configuration.prefersTextMode else { return }
      for topic in topics where !topic.fitsTextCommands { throw .unfitForTextMode(topic) }
    } catch {
      throw .refused(error, status: nil)
    }
  }
}

extension Refusal {
  static func unfitForTextMode(_ topic: Topic) -> Refusal {
    Refusal(.topicInvalid, "the topic \"\(topic)\" holds a blank, which text mode cannot carry")
  }
}
