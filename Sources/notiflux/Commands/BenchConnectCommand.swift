import CommandTable

/// `notiflux bench connect`: its rows.
enum BenchConnectCommand {
  static let connections = Option(
    "connections", short: "n", .integer(in: 1...10_000_000), default: "1000",
    help: "Open this many WebSocket connections, each with one topic")
  static let rate = Option(
    "rate", short: "r", .integer(in: 0...10_000_000), default: "0",
    help: "Open this many a second; 0: as fast as --concurrency allows",
    details: ["With a rate, times are measured from when a connection was due, not from when it could be begun."])
  static let uniqueTokens = Option(
    flag: "unique-tokens", help: "Give each connection a token of its own, as many users have",
    details: ["They are made before the run. Without this all connections of a topic show the same token."])

  static let command: Command = Command(
    "connect", summary: "Open many connections and subscribe each",
    discussion: [
      "Opens WebSocket connections, subscribes each to a topic, and closes them all in good order. Measures until the "
        + "handshake was answered and until the subscription was confirmed: by `subscribed`, or in text mode by the "
        + "answer to the command after it. Finding the host by its name is part of it; an address leaves that out.",
      "One connection more is made first, to see that it can be done; it does not count.",
    ],
    options: ConnectionOptions.rows + [
      connections, rate, BenchOptions.concurrency, uniqueTokens, BenchOptions.topics, BenchOptions.topic,
      BenchOptions.raw, BenchOptions.threads, BenchOptions.timeout, BenchOptions.json, BenchOptions.quiet,
    ],
    exclusive: [ConnectionOptions.exclusive],
    examples: [
      Example("notiflux bench connect --key es256_private.pem --unique-tokens", "A thousand users come at once."),
      Example(
        "notiflux bench connect --key es256_private.pem --connections 10000 --rate 500", "They come one by one."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    guard let credentials = try ConnectionOptions.credentials(settings) else {
      throw ConnectionOptions.missingCredentials(settings)
    }
    if settings[uniqueTokens], case .token = credentials {
      throw settings.usageError("--unique-tokens makes tokens; give --key FILE in place of a token")
    }
    var setup = try BenchSetup(settings, credentials, nil)
    setup.load.kind = .connect
    setup.load.subscribers = settings[connections]
    setup.load.rate = settings[rate]
    setup.hasUniqueTokens = settings[uniqueTokens]
    setup.readSubscribers(settings)
    return try setup.run()
  }
}
