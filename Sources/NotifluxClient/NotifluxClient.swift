import NIOCore
import NIOPosix
import NotifluxProtocol

/// A client of one notiflux server: publishes, and subscribes to topics.
///
///     let client = NotifluxClient(endpoint: try Endpoint("http://127.0.0.1:8080"))
///     let cursor = try await client.publish("hello", to: [Topic("news")], token: token)
///     await client.shutDown()
///
/// Connects only when it must. All its work is done on one event loop.
public final class NotifluxClient: Sendable {
  /// The server.
  public let endpoint: Endpoint
  /// Publishes over one connection of its own.
  public let publisher: Publisher
  private let configuration: ClientConfiguration
  private let connector: Connector
  /// The threads to stop at the end, where they are our own.
  private let ownGroup: (any EventLoopGroup)?

  /// Without an `eventLoopGroup` the client starts one thread of its own, which lives until ``shutDown()``.
  public init(
    endpoint: Endpoint, configuration: ClientConfiguration = ClientConfiguration(),
    eventLoopGroup: (any EventLoopGroup)? = nil
  ) {
    let own = eventLoopGroup == nil ? MultiThreadedEventLoopGroup(numberOfThreads: 1) : nil
    let eventLoop = eventLoopGroup?.next() ?? own?.next() ?? MultiThreadedEventLoopGroup.singleton.next()
    self.endpoint = endpoint
    self.configuration = configuration
    ownGroup = own
    connector = Connector(endpoint: endpoint, eventLoop: eventLoop, configuration: configuration)
    publisher = Publisher(connector: connector, configuration: configuration)
  }

  /// Publishes one message to all of `topics` or to none: ``Publisher/publish(_:to:token:id:)``.
  public func publish(
    _ message: String, to topics: [Topic], token: String, id: String? = nil
  ) async throws(ClientError) -> Cursor {
    try await publisher.publish(message, to: topics, token: token, id: id)
  }

  /// The messages of `topics`, of which there may be none to begin with: those after `since`, then live ones; without
  /// it, live ones. `token` is asked for a token that allows to subscribe to all the topics it is given: before each
  /// connection, and for each topic that is added later.
  public func subscribe(
    to topics: [Topic], since: Cursor? = nil, token: @escaping Subscription.TokenSource
  ) -> Subscription {
    subscribe(to: topics, since: since, pacing: Pacing(), token: token)
  }

  func subscribe(
    to topics: [Topic], since: Cursor? = nil, pacing: Pacing, token: @escaping Subscription.TokenSource
  ) -> Subscription {
    Subscription(
      connector: connector, configuration: configuration, topics: topics, since: since, pacing: pacing, token: token)
  }

  /// Closes the connections and stops the client's own thread. What is under way fails with
  /// ``ClientError/cancelled``; end the iteration of subscriptions first. A second call does nothing.
  public func shutDown() async {
    guard connector.shutDown() else { return }
    await publisher.shutDown()
    try? await ownGroup?.shutdownGracefully()
  }
}
