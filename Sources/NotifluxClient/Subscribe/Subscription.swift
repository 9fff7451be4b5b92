import NotifluxProtocol
import Synchronization

/// Messages of some topics as an asynchronous sequence, for as long as it is iterated: it connects, subscribes, and does
/// both again whenever the connection is lost.
///
///     let news = client.subscribe(to: [topic]) { topics in try await backend.subscribeToken(for: topics) }
///     for try await event in news {
///       if case .message(let message) = event { print(message.data) }
///     }
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
    var session = TextSession()
    var link: WebSocketLink?
    var isIterated = false
  }

  let connector: Connector
  let configuration: ClientConfiguration
  let pacing: Pacing
  let token: TokenSource
  let state: Mutex<State>

  init(
    connector: Connector, configuration: ClientConfiguration, topics: [Topic], pacing: Pacing,
    token: @escaping TokenSource
  ) {
    self.connector = connector
    self.configuration = configuration
    self.pacing = pacing
    self.token = token
    var seen: Set<Topic> = []
    state = Mutex(State(topics: topics.filter { seen.insert($0).inserted }))
  }

  /// The topics that are held or asked for, in the order they were asked for.
  public var topics: [Topic] { state.withLock(\.topics) }

  /// Subscribes to one more topic. Returns when the server has been asked, or, without a connection, when it will be;
  /// the outcome is an event. A `token` given here is used for this topic from now on, and the callback is not asked.
  /// Throws ``ClientError/noToken(_:)`` if the callback throws, and ``ClientError/refused(_:status:)`` for a topic or
  /// token that cannot be sent.
  public func add(_ topic: Topic, token own: String? = nil) async throws(ClientError) {
    let token: String
    if let own {
      try Self.check(own, for: [topic])
      token = own
    } else {
      token = try await freshToken(for: [topic])
    }
    state.withLock { state in
      if !state.topics.contains(topic) { state.topics.append(topic) }
      state.ownTokens[topic] = own
      if let link = state.link {
        link.send(state.session.subscribe(topic, token: token))
      } else {
        state.spareTokens[topic] = token
      }
    }
  }

  /// Unsubscribes from a topic. Messages of it that are on their way still arrive. Nothing happens if it is not held.
  public func remove(_ topic: Topic) {
    state.withLock { state in
      state.topics.removeAll { $0 == topic }
      state.spareTokens[topic] = nil
      state.ownTokens[topic] = nil
      state.link?.send(state.session.unsubscribe(topic))
    }
  }

  /// Unsubscribes from all topics; the connection stays.
  public func removeAll() {
    state.withLock { state in
      state.topics = []
      state.spareTokens = [:]
      state.ownTokens = [:]
      state.link?.send(state.session.unsubscribeAll())
    }
  }

  /// Sends a text as it stands, for those who speak the protocol themselves. From then on messages do not tell their
  /// topic, answers to commands come as messages, and what was subscribed to in this way is lost with the connection.
  /// Throws ``ClientError/unreachable(_:reason:)`` where there is no connection.
  public func send(raw text: String) async throws(ClientError) {
    let link = state.withLock { state in
      state.session.speakFreely()
      return state.link
    }
    guard let link else { throw .unreachable(connector.endpoint, reason: "there is no connection at the moment") }
    try await link.send(text)
  }

  /// The one iterator; any further one ends at once.
  public func makeAsyncIterator() -> Iterator {
    let isFirst = state.withLock { state in
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

  /// Asks the callback, and checks that the token and the topics can be sent in text mode.
  func freshToken(for topics: [Topic]) async throws(ClientError) -> String {
    let token: String
    do { token = try await self.token(topics) } catch {
      throw error as? ClientError ?? .noToken("\(error)")
    }
    try Self.check(token, for: topics)
    return token
  }

  private static func check(_ token: String, for topics: [Topic]) throws(ClientError) {
    do throws(Refusal) {
      try Token.check(token)
      for topic in topics where !topic.fitsTextCommands {
        throw Refusal(.topicInvalid, "the topic \"\(topic)\" holds a blank, which text mode cannot carry")
      }
    } catch {
      throw .refused(error, status: nil)
    }
  }
}
