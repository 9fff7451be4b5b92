import CommandTable
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// `notiflux doctor`: its rows, and with which tokens it goes to work.
enum DoctorCommand {
  static let url = Argument(optional: "URL", .endpoint, help: "The server, as --url would name it")
  static let topic = Option(
    "topic", .text("TOPIC"), help: "Publish the test message to this topic [a fresh one]",
    details: [
      "Needed with `--token`, which is good for certain topics. Whoever is subscribed gets the message; how connections "
        + "bear silence can be seen on a quiet topic only."
    ])
  static let origin = Option(
    "origin", short: "o", .pageOrigin, help: "Check whether pages of ORIGIN may connect")
  static let wait = Option(
    "wait", short: "w", .duration(in: .zero ... .seconds(3600)), default: "20s",
    help: "Leave connections alone for this time, to see whether they last",
    details: ["The server gives a sign of life each 15 s: 17 s and more take one in. 0s skips this."])
  static let json = Option(flag: "json", short: "j", help: "Print one JSON object in place of the lines")
  static let quiet = Option(flag: "quiet", short: "q", help: "Print warnings and problems only")

  static let command: Command = Command(
    "doctor", summary: "Find out what keeps messages from getting through",
    discussion: [
      "Goes the ways that clients go, and says what would break them: a name that leads nowhere, a certificate that "
        + "expires, a clock that is off, a proxy that drops upgrades, buffers, limits bodies or cuts connections "
        + "that are quiet, an origin that may not connect, too few open files. Each finding comes with why it matters "
        + "and what to do, for nginx as directives.",
      "With `--key` everything is looked into, on a topic of its own: one message of a few bytes is published. Without a key "
        + "or token, what needs one is skipped, and nothing is published; a few requests that the server refuses, and "
        + "logs, tell what gets through.",
      "A certificate that is not trusted is a problem; the other checks go on without trust then, but show no token for a "
        + "topic that you named.",
      "Run it from where your clients are. On the server's own machine, with its loopback address, it also looks at what "
        + "the machine allows, and nginx. It asks over TCP: where the server listens on a Unix-domain socket alone, ask the proxy.",
      "The status is 0 where nothing is a problem, warnings or not, 1 where something is, and 4 where nothing can be "
        + "reached.",
    ],
    arguments: [url],
    options: ConnectionOptions.rows + [
      BenchFanoutCommand.publishToken, topic, origin, wait, BenchOptions.timeout, json, quiet,
    ],
    exclusive: [ConnectionOptions.exclusive, [json, quiet]],
    examples: [
      Example("notiflux doctor https://push.example.com", "What can be seen without a token, in 20 seconds."),
      Example(
        "notiflux doctor https://push.example.com --key es256_private.pem --origin https://www.example.com",
        "Everything, as pages of that origin meet it."),
      Example(
        "notiflux doctor http://127.0.0.1:8080 --wait 0s --quiet", "On the server's machine; only what is wrong."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    if settings[url] != nil, case .flag = settings.origin(of: ConnectionOptions.url) {
      throw settings.usageError("give the server once: as URL or by --url")
    }
    let run = DoctorRun(
      plan: try plan(settings),
      output: DoctorOutput(form: settings[json] ? .json : settings[quiet] ? .complaints : .text))
    return try Blocking.wait { try await run.run() }
  }

  private static func plan(_ settings: Settings) throws -> DoctorPlan {
    var configuration = ClientConfiguration()
    configuration.connectTimeout = settings[BenchOptions.timeout]
    configuration.requestTimeout = settings[BenchOptions.timeout]
    configuration.caFile = settings[ConnectionOptions.caFile]
    let name = settings[topic]
    let topic: Topic
    do { topic = try Topic(name ?? DoctorPlan.freshTopic) } catch {
      throw settings.rejection(of: Self.topic, name ?? "", because: "is no topic: \(error.message)")
    }
    let credentials = try ConnectionOptions.credentials(settings)
    let isGiven = if case .token? = credentials { true } else { false }
    func token(_ scope: Scope, _ credentials: Credentials?, else advice: String) throws -> Result<
      String, DoctorPlan.MissingToken
    > {
      guard let credentials else { return .failure(.init(advice: advice)) }
      if isGiven, name == nil {
        return .failure(.init(advice: "a given token is for certain topics; name one with --topic"))
      }
      let token = try DoctorPlan.token(scope, topic, credentials)
      do { try BareConnector.check(token: token) } catch { throw CommandFailure("\(error)", code: error.exitCode) }
      return .success(token)
    }
    let publishing =
      try settings[BenchFanoutCommand.publishToken].map { .token(try ConnectionOptions.tokenText($0)) }
      ?? (isGiven ? nil : credentials)
    var expired: (@Sendable () throws -> String)?
    if case .minter(let minter)? = credentials { expired = { try DoctorPlan.expiredToken(topic, minter) } }
    return DoctorPlan(
      endpoint: settings[url] ?? settings[ConnectionOptions.url], configuration: configuration, wait: settings[wait],
      origin: settings[origin], topic: topic, isTopicFresh: name == nil,
      subscribing: try token(.subscribe, credentials, else: "needs a token; give --key FILE, or --token and --topic"),
      publishing: try token(
        .broadcast, publishing, else: "needs a message; give --key FILE, or --publish-token and --topic"),
      expired: expired)
  }
}

extension ValueKind where Value == String {
  fileprivate static var pageOrigin: Self {
    ValueKind(placeholder: "ORIGIN", accepted: "scheme://host[:port], as in the address of the page") {
      text throws(ValueProblem) in
      if text == "*" { throw ValueProblem("is no page's origin") }
      return try origin.parse(text)
    }
  }
}
