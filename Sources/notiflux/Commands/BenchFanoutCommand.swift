import CommandTable

/// `notiflux bench fanout`: its rows.
enum BenchFanoutCommand {
  static let subscribers = Option(
    "subscribers", short: "n", .integer(in: 1...10_000_000), default: "100",
    help: "Hold this many WebSocket connections, each with one topic")
  static let publishers = BenchOptions.publishers(default: "1")
  static let publishToken = Option(
    "publish-token", .text("TOKEN", accepted: "a token, @FILE or -"), environment: "NOTIFLUX_PUBLISH_TOKEN",
    help: "Publish with this token, where --token is the one to subscribe", isSecret: true)

  static let command: Command = Command(
    "fanout", summary: "Publish to many subscribers and check every delivery",
    discussion: [
      "Opens the subscribers, publishes to their topics, and measures from when a message was due until it came to each "
        + "of them.",
      "Each message carries its number in the stream of its publisher and topic, so that what is lost, doubled or out of "
        + "order is counted exactly. A message whose publish was not confirmed may come or not. A subscriber whose "
        + "connection the server closes is reported with the code and reason; it does not come back, and what is "
        + "published after that does not count as lost.",
      "Tokens for all topics are made with `--key`; to do with given ones, name the topic by `--topic` and give one token "
        + "for each scope.",
    ],
    options: ConnectionOptions.rows + [
      publishToken, subscribers, publishers, BenchOptions.topics, BenchOptions.topic, BenchOptions.rate,
      BenchOptions.size, BenchOptions.duration, BenchOptions.warmup, BenchOptions.concurrency, BenchOptions.raw,
      BenchOptions.threads, BenchOptions.timeout, BenchOptions.json, BenchOptions.quiet,
    ],
    exclusive: [ConnectionOptions.exclusive],
    examples: [
      Example("notiflux bench fanout --key es256_private.pem", "What the server can do with 100 subscribers."),
      Example(
        "notiflux bench fanout --key es256_private.pem --subscribers 1000 --rate 20 --duration 30s",
        "How long a message takes to 1000 subscribers at a moderate rate."),
      Example(
        "notiflux bench fanout --key es256_private.pem --topics 100 --publishers 16 --json",
        "Many topics and publishers, for a program to read."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    guard let subscribing = try ConnectionOptions.credentials(settings) else {
      throw ConnectionOptions.missingCredentials(settings)
    }
    var publishing = subscribing
    if let token = settings[publishToken] {
      publishing = .token(try ConnectionOptions.tokenText(token))
    } else if case .token = subscribing {
      throw settings.usageError(
        "one token is good for one scope; give --key FILE, or --publish-token TOKEN beside --token")
    }
    var setup = try BenchSetup(settings, subscribing, publishing)
    setup.load.kind = .fanout
    setup.load.subscribers = settings[subscribers]
    setup.load.publishers = settings[publishers]
    setup.readMessages(settings)
    setup.readSubscribers(settings)
    return try setup.run()
  }
}
