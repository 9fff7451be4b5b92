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
    "retry", .integer(in: 0...100), default: "3",
    help: "After a failure that may pass, try again this often",
    details: [
      "A message that may have arrived is sent again under the same id only, so that nothing is delivered twice."
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
    configuration.retries = settings[retry]
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
