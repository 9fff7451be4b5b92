import CommandTable

/// `notiflux bench publish`: its rows.
enum BenchPublishCommand {
  static let publishers = BenchOptions.publishers(default: "16")

  static let command: Command = Command(
    "publish", summary: "Publish without subscribers",
    discussion: [
      "Sends `POST /broadcast` over kept-alive connections and measures how many are accepted and how long each answer "
        + "takes. Failures are counted by status and code.",
      "All requests for a topic carry the same token, as those of a backend do that keeps its token until it expires.",
    ],
    options: ConnectionOptions.rows + [
      publishers, BenchOptions.topics, BenchOptions.topic, BenchOptions.rate, BenchOptions.size,
      BenchOptions.duration, BenchOptions.warmup, BenchOptions.threads, BenchOptions.timeout, BenchOptions.json,
      BenchOptions.quiet,
    ],
    exclusive: [ConnectionOptions.exclusive],
    examples: [
      Example("notiflux bench publish --key es256_private.pem", "As many as 16 publishers get accepted."),
      Example(
        "notiflux bench publish --topic news --token @token.txt --rate 500", "500 a second to one topic, by a token."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    guard let credentials = try ConnectionOptions.credentials(settings) else {
      throw ConnectionOptions.missingCredentials(settings)
    }
    var setup = try BenchSetup(settings, nil, credentials)
    setup.load.kind = .publish
    setup.load.publishers = settings[publishers]
    setup.readMessages(settings)
    return try setup.run()
  }
}
