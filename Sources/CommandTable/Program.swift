/// The whole table of a program: its commands, and what holds for all of them.
///
///     switch try program.parse(CommandLine.arguments.dropFirst(), environment: .process) {
///     case .run(let run, let settings):
///       for warning in settings.warnings { … }
///       exit(try run(settings).rawValue)
///     case .help(let path, let detail): print(program.help(for: path, detail), terminator: "")
///     case .version: print(program.versionLine)
///     }
package struct Program: Sendable {
  package let name: String
  package let version: String
  /// One line, without a final period.
  package let summary: String
  /// Paragraphs of whole sentences. Words between backticks are literal.
  package let discussion: [String]
  package let commands: [Command]
  /// Options every command has, besides `--help` and `--version`.
  package let options: [any OptionRow]
  package let examples: [Example]
  package let exitStatuses: [ExitStatus]
  /// Variables that belong to no option, such as `NO_COLOR`.
  package let variables: [Variable]
  /// What begins the names of the program's own variables, where one that is none is to be noticed.
  package let variablePrefix: String?
  package let sections: [ManSection]

  package init(
    name: String, version: String, summary: String, discussion: [String] = [], commands: [Command],
    options: [any OptionRow] = [], examples: [Example] = [], exitStatuses: [ExitStatus] = [],
    variables: [Variable] = [], variablePrefix: String? = nil, sections: [ManSection] = []
  ) {
    self.name = name
    self.version = version
    self.summary = summary
    self.discussion = discussion
    self.commands = commands
    self.options = options
    self.examples = examples
    self.exitStatuses = exitStatuses
    self.variables = variables
    self.variablePrefix = variablePrefix
    self.sections = sections
  }

  package var versionLine: String { "\(name) \(version)" }
}

/// An environment variable that no option stands for, and what it does.
package struct Variable: Sendable {
  package let name: String
  package let meaning: String

  package init(_ name: String, _ meaning: String) {
    self.name = name
    self.meaning = meaning
  }
}

extension Program {
  package static let helpOption = Option(
    flag: "help", short: "h", help: "Print help: -h in short, --help in full")
  package static let versionOption = Option(flag: "version", short: "V", help: "Print the version")

  /// The rows every command has.
  var globalOptions: [any OptionRow] { options + [Self.helpOption, Self.versionOption] }

  /// The command every program has; the parser answers it, so it has nothing to run.
  static let helpCommand = Command(
    "help", summary: "Print help for a command",
    arguments: [Argument(zeroOrMore: "COMMAND", .text("COMMAND"), help: "The command, with its subcommand if any")],
    run: { _ in .success })

  var allCommands: [Command] { commands + [Self.helpCommand] }
}

/// The way from the program to one of its commands. Empty, it stands for the program itself.
package struct CommandPath: Sendable {
  package let program: String
  package private(set) var commands: [Command] = []

  init(program: String) { self.program = program }

  func appending(_ command: Command) -> CommandPath {
    var path = self
    path.commands.append(command)
    return path
  }

  package var command: Command? { commands.last }
  /// `["chat", "token", "subscribe"]`
  package var words: [String] { [program] + commands.map(\.name) }
  /// `chat token subscribe`
  package var text: String { words.joined(separator: " ") }
}
