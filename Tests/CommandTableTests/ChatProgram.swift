import CommandTable

/// A small program that has one of everything: the table that the tests of this module read, parse and draw.
enum Chat {
  enum Format: String, CaseIterable { case text, json }

  // MARK: serve

  static let host = Option(
    "host", .text("HOST"), default: "127.0.0.1", environment: "HOST", help: "Listen on HOST",
    details: ["A name stands for its first address."])
  static let port = Option(
    "port", short: "p", .integer(in: 0...65535, placeholder: "PORT"), default: "8080", environment: "PORT",
    help: "Listen on PORT; 0 takes a free one")
  static let workers = Option(
    "workers", .integer(in: 1...1024), default: .computed("number of cores") { 4 }, environment: "WORKER_COUNT",
    help: "Run N event loops")
  static let publicKey = Option(
    repeatable: "public-key", short: "k", .file, environment: "KEY_FILES", environmentSeparator: ":",
    help: "Trust the public key in FILE", group: "Security")
  static let publicKeyText = Option(
    variable: "PUBLIC_KEY_B64", .text("BASE64"), help: "Trust this public key", group: "Security", isSecret: true)
  static let historySize = Option(
    "history-size", .byteCount(in: 1024...(1 << 40)), default: "64MiB", help: "Keep at most SIZE of messages",
    group: "History")
  static let historyTTL = Option(
    "history-ttl", .duration(in: .seconds(1)...(.seconds(86400))), default: "5m",
    help: "Keep messages for TIME", group: "History")
  static let format = Option(
    "log-format", .choice(of: Format.self), default: "text", environment: "LOG_FORMAT",
    help: "Write logs as text or as JSON", aliases: ["log-style"])
  static let color = Option(
    flag: "color", isNegatable: true, default: true, environment: "CHAT_COLOR", help: "Colour the log")
  static let admin = Option("admin", .hostAndPort, help: "Serve metrics on another address")
  static let fault = Option("fault", .text, help: "Break on purpose", isHidden: true)

  static let serve = Command(
    "serve", summary: "Run the server",
    discussion: ["Serves until it is told to stop. With `--port 0` the port is logged."],
    options: [
      host, port, workers, publicKey, publicKeyText, historySize, historyTTL, format, color, admin, fault,
    ],
    examples: [
      Example("chat serve --port 9000 -k a.pem", "Listen on another port."),
      Example("PORT=9000 chat serve", "The same by the environment."),
    ],
    sections: [ManSection("SIGNALS", ["`SIGTERM` drains. A second one stops at once."])]
  ) { _ in .success }

  // MARK: token

  static let key = Option(
    required: "key", short: "k", .file, environment: "CHAT_KEY", help: "Sign with the private key in FILE")
  static let ttl = Option("ttl", short: "t", .duration, default: "60s", help: "Let the token live for TIME")
  static let subject = Option("subject", .text("NAME"), help: "Name the bearer")
  static let topics = Argument(
    oneOrMore: "TOPIC", .text("TOPIC"), help: "The topics it is good for",
    details: ["A topic holds no blank."])
  static let subscribe = Command(
    "subscribe", summary: "Make a token to listen with", arguments: [topics], options: [key, ttl, subject],
    examples: [Example("chat token subscribe --key k.pem news", "A token for one topic.")]
  ) { _ in .success }

  static let token = Argument(
    optional: "TOKEN", .text("TOKEN"), help: "The token; - or nothing reads standard input", isSecret: true)
  static let inspect = Command(
    "inspect", summary: "Show what a token says", arguments: [token], options: [publicKey]
  ) { _ in .success }

  static let tokens = Command(
    "token", summary: "Make and inspect tokens", discussion: ["A token is good for a while."],
    subcommands: [subscribe, inspect])

  // MARK: publish

  static let secret = Option(
    "token", .text("TOKEN").accepting { $0.utf8.count <= 8 }, environment: "CHAT_TOKEN", help: "Show TOKEN",
    isSecret: true)
  static let mint = Option("mint", .file, help: "Make a token with the key in FILE")
  static let timeout = Option("timeout", .duration, help: "Give up after TIME")
  static let quiet = Option(flag: "quiet", short: "q", environment: "CHAT_QUIET", help: "Say nothing")
  static let json = Option(flag: "json", short: "j", help: "Write one JSON object a line")
  static let topic = Argument("TOPIC", .text("TOPIC"), help: "The topic")
  static let message = Argument(optional: "MESSAGE", .text("MESSAGE"), help: "The message")
  static let publish = Command(
    "publish", summary: "Send a message", arguments: [topic, message],
    options: [secret, mint, timeout, quiet, json], exclusive: [[secret, mint]],
    examples: [Example("echo 'it'\\''s \\here' |\n  chat publish news", "Send what another program writes.")]
  ) { _ in .success }

  // MARK: completion

  static let shell = Argument("SHELL", .choice(of: Shell.self), help: "The shell")
  static let outDirectory = Option("out-dir", .directory, help: "Write into DIR")
  static let file = Argument(optional: "TARGET", .file, help: "Where to write")
  static let completion = Command(
    "completion", summary: "Print a completion script", arguments: [shell, file], options: [outDirectory]
  ) { _ in ExitCode(rawValue: 7) }

  static let program = Program(
    name: "chat", version: "1.2.3", summary: "Talk over topics",
    discussion: ["It is small. It has one of everything, the C:\\path of no one and an em dash — too."],
    commands: [serve, tokens, publish, completion],
    examples: [Example("chat serve", "Run it.")],
    exitStatuses: [ExitStatus(.success, "Done"), ExitStatus(.failure, "Failed"), ExitStatus(.usage, "Bad usage")],
    variables: [Variable("NO_COLOR", "No colour, whatever it holds"), Variable("CHAT_HOME", "Where it lives.")],
    variablePrefix: "CHAT_")
}

extension ValueKind where Value == String {
  /// Only the texts that pass a test.
  fileprivate func accepting(_ test: @escaping @Sendable (String) -> Bool) -> Self {
    map { text throws(ValueProblem) in
      guard test(text) else { throw ValueProblem("is no token") }
      return text
    }
  }

}

extension Chat {
  /// Parses a command line given as words.
  static func parse(_ words: String..., environment: Environment = [:]) throws(UsageError) -> Invocation {
    try program.parse(words, environment: environment)
  }

  /// The settings of a command line that is expected to run.
  static func settings(_ words: String..., environment: Environment = [:]) throws -> Settings {
    guard case .run(_, let settings) = try program.parse(words, environment: environment) else {
      throw UsageError("it does not run")
    }
    return settings
  }

  /// The message a command line is refused with; nil if it is taken.
  static func refusal(_ words: String..., environment: Environment = [:]) -> String? {
    do throws(UsageError) {
      _ = try program.parse(words, environment: environment)
      return nil
    } catch {
      return error.message
    }
  }
}
