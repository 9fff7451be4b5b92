import CommandTable
import NotifluxClient
import NotifluxProtocol

/// `notiflux publish`: its rows, and where the message comes from.
enum PublishCommand {
  static let topic = Argument("TOPIC", .text("TOPIC"), help: "The topic to publish to")
  static let message = Argument(
    optional: "MESSAGE", .text("MESSAGE"), help: "The message; without it, or as -, standard input is the message")
  static let file = Option("file", short: "f", .file, help: "Publish the contents of FILE")
  static let lines = Option(
    flag: "lines", short: "l", help: "Publish each line of standard input as a message of its own")
  static let id = Option(
    "id", .text("ID"), help: "Deliver once only: within 5 minutes ID is delivered once to a topic")
  static let timeout = Option(
    "timeout", .duration(in: .milliseconds(1) ... .seconds(3600)), default: "30s",
    help: "Give up connecting, or waiting for an answer, after this time")
  static let retry = Option(
    "retry", .persistence, default: "3",
    help: "After a failure that may pass, try again this often, or for this long",
    details: [
      "Such failures are that the server cannot be reached, does not answer in time, or says 429, 502, 503 or 504. Before each "
        + "try there is a random wait: at first of up to 250 ms, then of up to twice as much each time, in the end of up to "
        + "30 s. On average `3` goes on for 1 s, `5` for 4 s, `8` for half a minute, and each more for 15 s; twice that at "
        + "most. The tries themselves, of up to `--timeout`, and a `Retry-After` of up to a minute come on top.",
      "A duration counts from the first failure, and ends with a last try: `--retry 2m` outlives a restart.",
      "A message that may have arrived is sent again under the same id only, and only for the 5 minutes that a server "
        + "remembers it, so that nothing is delivered twice.",
    ])
  static let json = Option(flag: "json", short: "j", help: "Print the answers as JSON, one a line")
  static let quiet = Option(flag: "quiet", short: "q", help: "Print nothing but errors")

  static let command: Command = Command(
    "publish", summary: "Publish messages",
    discussion: [
      "Publishes a message to a topic and prints its cursor, its place in the server's log. The message goes out byte for "
        + "byte, a final line break of a file or of standard input included; it must be UTF-8.",
      "With `--lines` each line of standard input is a message, without its line feed. They go out in order, over one "
        + "connection. A message that the server refuses is reported with its line number, and the others go on; when "
        + "the token is refused or the server cannot be reached, the command ends and says from which line on nothing "
        + "was confirmed.",
    ],
    arguments: [topic, message],
    options: ConnectionOptions.rows + [file, lines, id, timeout, retry, json, quiet],
    exclusive: [ConnectionOptions.exclusive, [file, lines], [lines, id], [json, quiet]],
    examples: [
      Example("notiflux publish news 'hello' --key es256_private.pem", "Sign a token and publish."),
      Example("notiflux publish news --file body.json --token @token.txt", "Publish a file, with a token from a file."),
      Example(
        "notiflux publish news 'hello' --token @token.txt --retry 2m", "Keep trying while the server is restarted."),
      Example("tail -f app.log | notiflux publish logs --lines", "Publish lines as they come; NOTIFLUX_TOKEN is set."),
    ], run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    let topic = try settings.topic(settings[topic], of: topic)
    let source = try source(settings)
    guard let credentials = try ConnectionOptions.credentials(settings) else {
      throw ConnectionOptions.missingCredentials(settings)
    }
    var configuration = ClientConfiguration()
    configuration.connectTimeout = settings[timeout]
    configuration.requestTimeout = settings[timeout]
    switch settings[retry] {
    case .times(let count): configuration.retries = count
    case .time(let time): configuration.retryTime = time
    }
    configuration.caFile = settings[ConnectionOptions.caFile]
    let run = PublishRun(
      endpoint: settings[ConnectionOptions.url], configuration: configuration, topic: topic, credentials: credentials,
      output: settings[json] ? .json : settings[quiet] ? .nothing : .cursors)
    switch source {
    case .lines: return try Blocking.wait { await run.publishLines() }
    case .argument(let text): return try Blocking.wait { try await run.publish(text, id: settings[id]) }
    case .input(let descriptor, let name):
      let text = try read(descriptor, name: name)
      return try Blocking.wait { try await run.publish(text, id: settings[id]) }
    }
  }

  private enum Source {
    case argument(String)
    case input(descriptor: Int32, name: String)
    case lines
  }

  private static func source(_ settings: Settings) throws -> Source {
    let usesInput = settings[ConnectionOptions.token] == "-"
    switch (settings[message], settings[file], settings[lines]) {
    case (_?, nil, true): throw settings.usageError("--lines takes the messages from standard input; leave MESSAGE out")
    case (_?, _?, _): throw settings.usageError("give either MESSAGE or --file, not both")
    case (let text?, nil, false) where text != "-": return .argument(text)
    case (_, let path?, _) where path != "-": return .input(descriptor: try File.open(path), name: path)
    case (_, _, let lines):
      guard !usesInput else {
        throw settings.usageError("standard input cannot be both the token and the message; give --token @FILE")
      }
      if isTerminal(0) {
        Notiflux.say("reading \(lines ? "messages" : "the message") from the terminal; Ctrl-D ends it")
      }
      return lines ? .lines : .input(descriptor: 0, name: "standard input")
    }
  }

  private static func read(_ descriptor: Int32, name: String) throws -> String {
    do { return try readAllText(descriptor: descriptor, maximumLength: maximumLength) } catch {
      throw CommandFailure("\(name): \(error)")
    }
  }

  /// Bytes of the largest message that is read: whatever a server takes, it is less.
  static let maximumLength = 1 << 30
}

/// For how long a publish that failed is tried again.
enum Persistence: Sendable {
  case times(Int)
  case time(Duration)
}

extension ValueKind where Value == Persistence {
  fileprivate static var persistence: Self {
    let count = ValueKind<Int>.integer(in: 0...100)
    let time = ValueKind<Duration>.duration(in: .milliseconds(1) ... .seconds(86400))
    return Self(
      placeholder: "N|TIME", accepted: "a number from 0 to 100, or a duration such as 30s or 5m, from 1ms to 1d"
    ) { text throws(ValueProblem) in
      let digits = text.utf8.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard !digits.isEmpty else { throw ValueProblem("is neither a number nor a duration") }
      return digits.count == text.utf8.count ? .times(try count.parse(text)) : .time(try time.parse(text))
    }
  }
}
