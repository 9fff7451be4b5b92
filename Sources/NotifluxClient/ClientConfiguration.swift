import NotifluxWebSocket

/// How a client behaves towards its server. The defaults suit a backend that publishes and a terminal that listens.
public struct ClientConfiguration: Sendable {
  /// How long each of these may take: finding and connecting to the host, TLS, the WebSocket handshake.
  public var connectTimeout: Duration = .seconds(10)
  /// How long the answer to one publish may take, counted anew for each attempt.
  public var requestTimeout: Duration = .seconds(30)
  /// How often a failed publish is tried again: where the server cannot be reached, does not answer in time, or says
  /// 429, 502, 503 or 504. With more than 0, each publish carries an idempotency id, so that none is delivered twice.
  public var retries = 3
  /// In place of `retries`: for how long after its first failure a publish is tried again; the last time is when that has
  /// passed.
  public var retryTime: Duration?
  /// Publishes under way on the connection at once (HTTP/1.1 pipelining). Only those with an id are ever pipelined.
  public var pipelining = 16
  /// The wait before the first retry or reconnect is random between 0 and this; the bound doubles each time.
  public var backoffBase: Duration = .milliseconds(250)
  /// The most that bound grows to.
  public var backoffCap: Duration = .seconds(30)
  /// A PEM file of CA certificates to trust beside the system's.
  public var caFile: String?
  /// A WebSocket on which nothing arrives for this long is given up; the server pings every 15 s.
  public var idleTimeout: Duration = .seconds(45)
  /// Bytes of the largest WebSocket message accepted; a larger one ends the connection with close code 1009.
  public var maximumMessageLength = 4 * 1024 * 1024

  /// Subscribe in text mode, the protocol of notiflux 0.2, also where the server speaks `notiflux.v1`: without cursors,
  /// and with blanks in no topic. A server that speaks text mode only is understood without this.
  public var prefersTextMode = false

  /// Answers the server's messages in place of the subscription: for programs that want the connection alone
  /// (`Examples/`). On the event loop, and `nil` for no answer.
  package var messageHandler: (@Sendable (WebSocketEvent) -> WebSocketEvent?)?
  /// The target of the handshake, below the endpoint's path.
  package var webSocketRoute = "/ws"
  /// Sent with the handshake, beside what belongs to it.
  package var handshakeFields: [(name: String, value: String)] = []
  /// Told of each ping of the server, on the event loop.
  package var pingObserver: (@Sendable () -> Void)?

  /// The defaults.
  public init() {}
}
