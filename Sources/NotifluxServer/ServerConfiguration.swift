import NIOCore
import NotifluxJWT
import NotifluxProtocol
import NotifluxWebSocket

/// Every knob of a ``Server``, once. The defaults are those of `notiflux serve`.
public struct ServerConfiguration: Sendable {
  /// Where to listen for clients.
  public var addresses = [ListenAddress.network(host: "127.0.0.1", port: 8080)]
  /// Where to listen for who operates the server: `/metrics`, `/topics`, `/ready`, in plain HTTP and without a token.
  public var adminAddress: ListenAddress?
  /// Who is believed when it says whom a request comes from.
  public var trustedProxies = TrustedProxies()
  /// What ``/metrics`` says it is.
  public var version = ""
  /// Event loops, each on a thread of its own.
  public var workers = 1
  /// The keys a token may be signed with. At least one, or no token is ever accepted.
  public var keys: KeySet
  /// The tokens that are refused although they are good.
  public var revocations = RevocationList()
  /// Seconds by which a token's `exp` and `nbf` are taken less strictly (RFC 7519 §4.1.4).
  public var leeway = 0.0
  /// What is kept of each topic's messages for clients that come back.
  public var history = HistoryLimits(messagesPerTopic: 100, lifetime: 300, bytes: 64 << 20)
  /// Connections at one time, over all workers.
  public var maximumConnections = 10_000
  /// Connections of one client address at one time, an IPv6 address counting as its /64; 0: any number.
  public var maximumConnectionsPerAddress = 0
  /// Connections that are no subscription (yet); beyond, one that waits for its client is closed for each new one.
  public var maximumHTTPConnections = 5_000
  /// Topics one connection may be subscribed to.
  public var maximumSubscriptions = 128
  /// Bytes of the largest body of a publish.
  public var maximumMessageSize = 2 << 20
  /// Bytes that all requests together may hold while they are incomplete, or large and not published yet.
  public var maximumRequestMemory = 256 << 20
  /// Bytes that may wait for one slow connection before it is closed with 1013.
  public var maximumPending = 4 << 20
  /// Messages that all tokens with the same `sub` may publish, or one token without; `nil`: any number.
  public var publishRate: RateLimit?
  /// Bad tokens of one connection whose signatures are checked; `nil`: any number.
  public var badTokenRate: RateLimit? = RateLimit(perSecond: 10)
  /// Bad tokens of one client address whose signatures are checked; `nil`: any number.
  public var badTokenRatePerAddress: RateLimit?
  /// Which web pages may talk to this server.
  public var allowedOrigins: OriginPolicy = .unrestricted
  /// Serves `https` and `wss` instead of `http` and `ws`.
  public var tls: TLSIdentity?
  /// How long ``Server/drain()`` waits for connections to go; clients are told to return spread over this time.
  public var drainTimeout: Duration = .seconds(10)

  /// Lets output go through io_uring where the kernel grants it; `false` has every message sent by a call of its own.
  public var usesIOURing = true

  /// Agrees on `permessage-deflate` (RFC 7692) with WebSocket clients that offer it.
  public var allowsCompression = false

  /// Answers the messages of WebSocket clients in place of the hub: for programs that want the sessions alone
  /// (`Examples/`). On any loop, and `nil` for no answer.
  package var messageHandler: (@Sendable (WebSocketEvent) -> WebSocketEvent?)?
  /// Bytes of the largest message of a WebSocket client, inflated.
  package var maximumClientMessage = Limits.clientMessage

  /// The unit of every time-out. A test makes it long and turns the clock by hand.
  var tick: Duration = .seconds(1)

  /// Everything as `notiflux serve` has it, for tokens signed with one of `keys`.
  public init(keys: KeySet) { self.keys = keys }
}
