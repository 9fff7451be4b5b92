/// One command: all that the parser, the help, the man page and the completions know of it.
///
///     enum ListenCommand {
///       static let port = Option(
///         "port", short: "p", .integer(in: 0...65535, placeholder: "PORT"), default: "8080", environment: "PORT",
///         help: "Connect to PORT")
///       static let key = Option("key", .file, help: "Mint tokens with the private key in FILE")
///       static let header = Option(repeatable: "header", .text("NAME:VALUE"), help: "Send another header")
///       static let json = Option(flag: "json", help: "Write one JSON object a line")
///       static let topics = Argument(oneOrMore: "TOPIC", .text("TOPIC"), help: "The topics to listen to")
///
///       static let command = Command(
///         "listen", summary: "Print the messages of topics",
///         arguments: [topics], options: [port, key, header, json],
///         examples: [Example("chat listen --json news", "Print the messages of one topic as JSON.")]
///       ) { settings in
///         let port = settings[port]      // Int
///         let key = settings[key]        // String?
///         let headers = settings[header] // [String]
///         let topics = settings[topics]  // [String], at least one
///         …
///         return .success
///       }
///     }
///
/// A command either runs or has subcommands, never both. `Program.problems()` says what is wrong with a table.
package struct Command: Sendable {
  package let name: String
  /// One line, without a final period.
  package let summary: String
  /// Paragraphs of whole sentences. Words between backticks are literal.
  package let discussion: [String]
  package let arguments: [any ArgumentRow]
  package let options: [any OptionRow]
  /// Options of which at most one may be typed.
  package let exclusive: [[any OptionRow]]
  package let subcommands: [Command]
  package let examples: [Example]
  /// Further sections of the man page.
  package let sections: [ManSection]
  package let run: (@Sendable (Settings) throws -> ExitCode)?

  /// A command that does something.
  package init(
    _ name: String, summary: String, discussion: [String] = [], arguments: [any ArgumentRow] = [],
    options: [any OptionRow] = [], exclusive: [[any OptionRow]] = [], examples: [Example] = [],
    sections: [ManSection] = [], run: @escaping @Sendable (Settings) throws -> ExitCode
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.arguments = arguments
    self.options = options
    self.exclusive = exclusive
    self.subcommands = []
    self.examples = examples
    self.sections = sections
    self.run = run
  }

  /// A command that only holds others.
  package init(
    _ name: String, summary: String, discussion: [String] = [], subcommands: [Command], examples: [Example] = [],
    sections: [ManSection] = []
  ) {
    self.name = name
    self.summary = summary
    self.discussion = discussion
    self.arguments = []
    self.options = []
    self.exclusive = []
    self.subcommands = subcommands
    self.examples = examples
    self.sections = sections
    self.run = nil
  }
}

/// A command line to learn from, and one sentence on what it does.
package struct Example: Sendable {
  package let commandLine: String
  package let explanation: String

  package init(_ commandLine: String, _ explanation: String) {
    self.commandLine = commandLine
    self.explanation = explanation
  }
}

/// A section that only the man page has: its title in capitals, then paragraphs.
package struct ManSection: Sendable {
  package let title: String
  package let paragraphs: [String]

  package init(_ title: String, _ paragraphs: [String]) {
    self.title = title
    self.paragraphs = paragraphs
  }
}
