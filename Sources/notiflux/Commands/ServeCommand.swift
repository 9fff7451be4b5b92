import CommandTable
import Glibc
import Logging
import NotifluxJWT
import NotifluxProtocol
import NotifluxServer

/// `notiflux serve`: its rows, and what they amount to.
enum ServeCommand {
  static let workers = Option(
    "workers", short: "w", .integer(in: 1...1024), default: .computed("the number of cores", { Machine.cores }),
    environment: "WORKER_COUNT", help: "Run this many event loops, each on a thread of its own", group: "Listening")
  static let ioURing = Option(
    "io-uring", .choice([("auto", true), ("off", false)], placeholder: "auto|off"), default: "auto",
    environment: "NOTIFLUX_IO_URING",
    help: "Send many messages by one system call where the kernel grants it",
    details: [
      "Many containers and hardened kernels do not grant io_uring; each message is then sent by a call of its own. Which "
        + "it is, is logged at the start."
    ], group: "Listening")
  static let compression = Option(
    flag: "compression", environment: "NOTIFLUX_COMPRESSION",
    help: "Deflate messages for WebSocket clients that offer to inflate them",
    details: [
      "By `permessage-deflate` (RFC 7692), which browsers offer. A message is deflated once for all its subscribers, whatever their "
        + "number (no context takeover); one that does not shrink is sent as it is, and so is what a client missed. It "
        + "saves bandwidth for messages of some hundred bytes and more, and costs the server 5 to 10 µs a KiB published."
    ], group: "Listening")
  static let tlsCertificate = Option(
    "tls-certificate", .file, environment: "NOTIFLUX_TLS_CERTIFICATE",
    help: "Serve https and wss with this certificate chain (PEM, leaf first)", group: "Listening")
  static let tlsKey = Option(
    "tls-key", .file, environment: "NOTIFLUX_TLS_KEY", help: "The private key of the certificate (PEM)",
    group: "Listening")
  static let allowOrigin = Option(
    repeatable: "allow-origin", .origin, environment: "NOTIFLUX_ALLOW_ORIGIN", environmentSeparator: ",",
    help: "Only pages of ORIGIN may connect, and may read answers (CORS); * for any",
    details: [
      "Without this option pages of any origin may open a WebSocket (a token is needed to get anything), and no CORS "
        + "header is sent. An origin is what browsers send: `https://www.example.com`, with its port if that is not the "
        + "scheme's own."
    ], group: "Listening")

  static let publicKey = Option(
    repeatable: "public-key", .file, environment: "JWT_PUBLIC_KEY_FILE",
    help: "Accept tokens signed for the public keys in FILE (PEM)",
    details: ["A file may hold several keys, one after the other; so one file is enough for the variable, too."],
    group: "Tokens")
  static let publicKeyBase64 = Option(
    variable: "JWT_PUBLIC_KEY_B64", .text("BASE64"),
    help: "The public keys as base64 of a PEM file, unless --public-key is given", group: "Tokens")
  static let jwks = Option(
    repeatable: "jwks", .file, environment: "NOTIFLUX_JWKS_FILE",
    help: "Accept tokens signed for the keys of the JWK Set in FILE (JSON)",
    details: [
      "Beside the keys of `--public-key`. A token whose `kid` is that of a key is tried with this key first. Keys of other "
        + "kinds, or for other uses, are passed over."
    ], group: "Tokens")
  static let revoked = Option(
    "revoked", .file, environment: "NOTIFLUX_REVOKED_FILE",
    help: "Refuse the tokens named in FILE, and end what they have opened",
    details: [
      "One entry a line: `jti ID`, `sub SUBJECT`, or `sub SUBJECT before TIME`, which refuses what was made before TIME "
        + "(RFC 3339, or seconds since 1970). A `#` begins a comment. What has blanks, `#` or quotes in it is written as a "
        + "JSON string, in double quotes."
    ], group: "Tokens")
  static let leeway = Option(
    "leeway", .duration(in: .zero ... .seconds(3600)), default: "0s", environment: "NOTIFLUX_LEEWAY",
    help: "Take the times in tokens less strictly by this much", group: "Tokens")
  static let dev = Option(
    flag: "dev", help: "Use a key pair in .notiflux/, print commands to try; loopback only",
    group: "Tokens")

  static let historySize = Option(
    "history-size", .integer(in: 0...1_000_000), default: "100", environment: "NOTIFLUX_HISTORY_SIZE",
    help: "Retain this many messages of a topic for those who come back", group: "History")
  static let historyTTL = Option(
    "history-ttl", .duration(in: .zero ... .seconds(366 * 86400)), default: "5m", environment: "NOTIFLUX_HISTORY_TTL",
    help: "Retain a message for this long", group: "History")
  static let historyMemory = Option(
    "history-memory", .byteCount(in: 0...(1 << 40)), default: "64MiB", environment: "NOTIFLUX_HISTORY_MEMORY",
    help: "Retain at most this much of all topics together",
    details: ["A retained message counts its bytes and 176 more. With 0 in one of these three nothing is retained."],
    group: "History")

  static let maxConnections = Option(
    "max-connections", .integer(in: 1...10_000_000),
    default: .computed(
      "what open files and memory allow", { Machine.connections(fileLimit: Machine.raiseFileLimit()) }),
    environment: "NOTIFLUX_MAX_CONNECTIONS", help: "Hold at most this many connections", group: "Limits")
  static let maxConnectionsPerAddress = Option(
    "max-connections-per-address", .integer(in: 0...10_000_000), default: "0",
    environment: "NOTIFLUX_MAX_CONNECTIONS_PER_ADDRESS",
    help: "Hold at most this many connections of one client; 0 for any number",
    details: [
      "A client is an IPv4 address or the /64 of an IPv6 address. Leave it at 0 behind a proxy, "
        + "whose address all connections have then, unless --trust-proxy names it."
    ], group: "Limits")
  static let maxHTTPConnections = Option(
    "max-http-connections", .integer(in: 1...10_000_000), environment: "NOTIFLUX_MAX_HTTP_CONNECTIONS",
    help: "Hold at most this many connections that are no subscription",
    details: [
      "These are half-open handshakes and publishers that keep their connections. For one more, one that waits for its "
        + "client is closed, if possible one that was not used of late. Without this option it is half of "
        + "`--max-connections`."
    ], group: "Limits")
  static let publishRate = Option(
    "publish-rate", .rate, default: "0", environment: "NOTIFLUX_PUBLISH_RATE",
    help: "Let a subject publish this many messages a second; 0 for any number",
    details: [
      "What is beyond is 429. All tokens with the same `sub` share it; a token without `sub` has its own. A message counts once for each of its "
        + "topics."
    ], group: "Limits")
  static let publishBurst = Option(
    "publish-burst", .integer(in: 1...1_000_000), environment: "NOTIFLUX_PUBLISH_BURST",
    help: "Let it publish this many at once after a pause",
    details: ["Without this option as many as in a second."], group: "Limits")
  static let badTokenRate = Option(
    "bad-token-rate", .rate, default: "10/s", environment: "NOTIFLUX_BAD_TOKEN_RATE",
    help: "Check this many bad tokens a second of a connection; 0 for any",
    details: [
      "Beyond, no token of the connection is checked for a while (429). Tokens the server remembers from before still pass."
    ], group: "Limits")
  static let badTokenRatePerAddress = Option(
    "bad-token-rate-per-address", .rate, default: "0", environment: "NOTIFLUX_BAD_TOKEN_RATE_PER_ADDRESS",
    help: "Check this many bad tokens a second of one client; 0 for any number",
    details: ["A client is what it is for `--max-connections-per-address`; the same holds behind a proxy."],
    group: "Limits")
  static let maxSubscriptions = Option(
    "max-subscriptions", .integer(in: 1...1_000_000), default: "128", environment: "NOTIFLUX_MAX_SUBSCRIPTIONS",
    help: "Let a connection hold at most this many topics", group: "Limits")
  static let maxMessageSize = Option(
    "max-message-size", .byteCount(in: 1024...(1 << 30)), default: "2MiB", environment: "NOTIFLUX_MAX_MESSAGE_SIZE",
    help: "Refuse a publish whose body is larger (413)", group: "Limits")
  static let maxRequestMemory = Option(
    "max-request-memory", .byteCount(in: 1024...(1 << 40)), default: "256MiB",
    environment: "NOTIFLUX_MAX_REQUEST_MEMORY", help: "Hold at most this much of requests not yet published together",
    details: [
      "Beyond, a request that did not come in one piece is refused (429). Those of up to some KiB do come in one piece: "
        + "large or slow ones alone are concerned."
    ], group: "Limits")
  static let maxPending = Option(
    "max-pending", .byteCount(in: 1024...(1 << 34)), default: "4MiB", environment: "NOTIFLUX_MAX_PENDING",
    help: "Close a connection for which more than this waits unsent (1013)", group: "Limits")
  static let drainTimeout = Option(
    "drain-timeout", .duration(in: .zero ... .seconds(3600)), default: "10s", environment: "NOTIFLUX_DRAIN_TIMEOUT",
    help: "On SIGTERM, give clients this long to go", group: "Limits")

  static let logLevel = Option(
    "log-level", .choice(Logger.Level.allCases.map { ($0.rawValue, $0) }, placeholder: "LEVEL"), default: "info",
    environment: "NOTIFLUX_LOG_LEVEL", help: "Log from this level on", group: "Logging")
  static let logFormat = Option(
    "log-format", .choice(of: LogFormat.self), default: "text", environment: "NOTIFLUX_LOG_FORMAT",
    help: "Log for people or for machines", group: "Logging")
  static let check = Option(
    flag: "check", help: "Check all settings, keys, certificates and revocations, and exit", group: "Logging")

  static let command: Command = Command(
    "serve", summary: "Run the server",
    discussion: [
      "Serves `POST /broadcast` to publishers, `GET /ws` and `GET /events` to subscribers; `GET /health` and `GET /ready` tell how it is. "
        + "At least one public key is needed: `--public-key`, `--jwks`, one of the variables, or `--dev`.",
      "`SIGHUP` reads keys, certificates and revocations again; a bad file keeps the old ones and says so. `SIGTERM` and `SIGINT` "
        + "drain: nothing new is accepted, requests under way are answered, clients are told when to come back. A second "
        + "one stops at once.",
    ],
    options: ListeningOptions.rows + [
      workers, ioURing, compression, tlsCertificate, tlsKey, allowOrigin, publicKey, publicKeyBase64,
      jwks, revoked, leeway, dev,
      historySize,
      historyTTL, historyMemory, maxConnections, maxConnectionsPerAddress, maxHTTPConnections,
      maxSubscriptions, maxMessageSize, maxRequestMemory, maxPending, publishRate, publishBurst, badTokenRate,
      badTokenRatePerAddress,
      drainTimeout, logLevel, logFormat, check,
    ],
    examples: [
      Example("notiflux serve --dev", "Try it out; commands to paste are printed."),
      Example("notiflux serve --public-key es256_public.pem --host 0.0.0.0", "Serve the network."),
      Example("notiflux serve --public-key old.pem --public-key new.pem", "Accept two keys while you rotate them."),
      Example("notiflux serve --public-key es256_public.pem --check", "See whether it would start."),
    ],
    sections: [
      ManSection(
        "SERVICE MANAGER",
        [
          "A service manager that sets `NOTIFY_SOCKET` is told by sd_notify(3) when the server listens, reloads and drains. "
            + "With `WATCHDOG_USEC` it hears twice in that time that every event loop turns, and nothing while one hangs."
        ])
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    let activation = SocketActivation.take()
    let configuration = try configuration(settings, activation)
    if settings[check] {
      try StandardStream.output.write("the configuration is good\n")
      return .success
    }
    _ = Machine.raiseFileLimit()
    let (level, format) = (settings[logLevel], settings[logFormat])
    let isJournal = LogOutput.writesToJournal(getenv("JOURNAL_STREAM").map { String(cString: $0) })
    let logger = Logger(label: "notiflux") { _ in LogOutput(format: format, level: level, toJournal: isJournal) }
    return try ServeRun(settings: settings, configuration: configuration, logger: logger).run()
  }

  /// Everything that can be wrong is found here, before anything starts.
  private static func configuration(
    _ settings: Settings, _ activation: SocketActivation
  ) throws -> ServerConfiguration {
    guard settings[maxPending] >= settings[maxMessageSize] else {
      throw settings.usageError(
        "--max-pending is smaller than --max-message-size, so the largest messages could never be delivered; raise it")
    }
    guard settings[maxRequestMemory] >= settings[maxMessageSize] else {
      throw settings.usageError(
        "--max-request-memory is smaller than --max-message-size, so the largest messages could never come in; raise it"
      )
    }
    var configuration = ServerConfiguration(keys: [])
    try ListeningOptions.apply(settings, activation: activation, to: &configuration)
    configuration.keys = try keys(settings)  // With --dev they may be made, so what can be wrong comes before.
    configuration.revocations = try revocations(settings)
    configuration.version = Version.text
    configuration.workers = settings[workers]
    configuration.leeway = settings[leeway].inSeconds
    configuration.history = HistoryLimits(
      messagesPerTopic: settings[historySize], lifetime: settings[historyTTL].inSeconds, bytes: settings[historyMemory])
    configuration.maximumConnections = settings[maxConnections]
    configuration.maximumConnectionsPerAddress = settings[maxConnectionsPerAddress]
    configuration.maximumHTTPConnections = settings[maxHTTPConnections] ?? max(1, settings[maxConnections] / 2)
    configuration.publishRate = rate(settings[publishRate], burst: settings[publishBurst])
    configuration.badTokenRate = rate(settings[badTokenRate])
    configuration.badTokenRatePerAddress = rate(settings[badTokenRatePerAddress])
    configuration.maximumSubscriptions = settings[maxSubscriptions]
    configuration.maximumMessageSize = settings[maxMessageSize]
    configuration.maximumRequestMemory = settings[maxRequestMemory]
    configuration.maximumPending = settings[maxPending]
    configuration.drainTimeout = settings[drainTimeout]
    configuration.usesIOURing = settings[ioURing]
    configuration.allowsCompression = settings[compression]
    configuration.allowedOrigins = OriginPolicy(origins: settings[allowOrigin])
    configuration.tls = try tls(settings)
    return configuration
  }

  /// 0 stands for no limit.
  private static func rate(_ perSecond: Double, burst: Int? = nil) -> RateLimit? {
    perSecond > 0 ? RateLimit(perSecond: perSecond, burst: burst.map(Double.init)) : nil
  }

  /// The files that are read again on SIGHUP.
  static func files(_ settings: Settings) -> [String] {
    settings[publicKey] + settings[jwks]
      + [settings[revoked], settings[tlsCertificate], settings[tlsKey]].compactMap { $0 }
  }

  /// Read again on SIGHUP. Of PEM keys a flag beats the variables, and the two variables add to each other; JWK Sets add
  /// to them.
  static func keys(_ settings: Settings) throws -> KeySet {
    var keys = try KeyFile.keySet(pem: settings[publicKey], jwks: settings[jwks])
    let hasFlag = if case .flag = settings.origin(of: publicKey) { true } else { false }
    if !hasFlag, let base64 = settings[publicKeyBase64] {
      keys.formUnion(KeySet(try KeyFile.publicKeys(base64: base64, from: "JWT_PUBLIC_KEY_B64")))
    }
    if settings[dev] { keys.insert(try DevelopmentKeys.find().publicKey) }
    guard !keys.isEmpty else {
      throw settings.usageError(
        "a public key is needed; give --public-key FILE or --jwks FILE, set JWT_PUBLIC_KEY_FILE, NOTIFLUX_JWKS_FILE or "
          + "JWT_PUBLIC_KEY_B64, or use --dev")
    }
    return keys
  }

  /// Read again on SIGHUP.
  static func revocations(_ settings: Settings) throws -> RevocationList {
    try settings[revoked].map { try RevocationFile.read($0) } ?? RevocationList()
  }

  /// Read again on SIGHUP; `nil` serves plain HTTP.
  static func tls(_ settings: Settings) throws -> TLSIdentity? {
    switch (settings[tlsCertificate], settings[tlsKey]) {
    case (nil, nil): return nil
    case (let certificate?, let key?):
      for path in [certificate, key] { _ = try File.read(path) }
      do { return try TLSIdentity(certificateFile: certificate, keyFile: key) } catch {
        throw CommandFailure("\(error)")
      }
    default: throw settings.usageError("--tls-certificate and --tls-key belong together; give both")
    }
  }
}

extension ValueKind where Value == String {
  /// `*`, or an origin as browsers send it (RFC 6454 §6.2).
  static var origin: Self {
    ValueKind(placeholder: "ORIGIN", accepted: "scheme://host[:port], or *") { text throws(ValueProblem) in
      if text == "*" { return text }
      let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, parts[1].starts(with: "//".utf8), parts[1].count > 2 else {
        throw ValueProblem("has no scheme")
      }
      guard !parts[1].dropFirst(2).contains(UInt8(ascii: "/")) else { throw ValueProblem("has a path") }
      return text
    }
  }
}

extension Duration {
  var inSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
