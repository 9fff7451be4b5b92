/// A shell that completions can be made for.
package enum Shell: String, CaseIterable, Sendable {
  case bash
  case zsh
  case fish
}

extension Program {
  /// The completion script for a shell, ending in a newline.
  ///
  /// Commands, options and the choices, files or directories that are their values, drawn from the table.
  package func completions(for shell: Shell) -> String {
    let tree = CompletionTree(program: self)
    return switch shell {
    case .bash: BashCompletion(tree: tree).script
    case .zsh: ZshCompletion(tree: tree).script
    case .fish: FishCompletion(tree: tree).script
    }
  }
}

/// The table as a completion script walks it: places, and the words that lead from one to the next.
struct CompletionTree {
  /// A word that selects a command, and the words of the node it leads to.
  struct Step {
    let name: String
    let summary: String
    let target: [String]
  }

  /// What a command line has selected so far: `["token", "subscribe"]`.
  struct Node {
    let words: [String]
    let options: [OptionFacts]
    let commands: [Step]
    let arguments: [ArgumentFacts]

    /// How scripts call it: `token subscribe`, or nothing for the program alone.
    var place: String { words.joined(separator: " ") }
    var shownOptions: [OptionFacts] { options.filter { !$0.isHidden && $0.name != nil } }
    var valueOptions: [OptionFacts] { options.filter { $0.takesValue && $0.name != nil } }
  }

  let program: String
  private(set) var nodes: [Node] = []

  init(program: Program) {
    self.program = program.name
    let globals = program.globalOptions.map { $0.facts }
    let paths = [program.root] + program.paths
    for path in paths {
      let words = Array(path.words.dropFirst())
      let commands = path.subcommands(in: program).map { command in
        // `token help` goes on as `help token` does.
        Step(
          name: command.name, summary: command.summary,
          target: command.isHelp ? [command.name] + words : words + [command.name])
      }
      let facts = (path.command?.options ?? []).map { $0.facts } + globals
      let arguments = (path.command?.arguments ?? []).map { $0.facts }
      nodes.append(Node(words: words, options: facts, commands: commands, arguments: arguments))
    }
    // Behind `help` stand the same commands, but none of their options.
    for path in paths where !path.subcommands(in: program).isEmpty {
      let words = ["help"] + path.words.dropFirst()
      let commands = path.subcommands(in: program).filter { !$0.isHelp }.map { command in
        Step(name: command.name, summary: command.summary, target: words + [command.name])
      }
      nodes.append(Node(words: words, options: globals, commands: commands, arguments: []))
    }
  }

  func hasNode(_ words: [String]) -> Bool { nodes.contains { $0.words == words } }

  /// The name of the program as a part of a shell function's name.
  var identifier: String { Self.identifier(program) }
  static func identifier(_ text: String) -> String {
    String(text.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
  }
}

extension OptionFacts {
  /// Every spelling that a shell offers: `-p`, `--port`.
  var offeredSpellings: [String] { (short.map { ["-\($0)"] } ?? []) + shownSpellings }

  /// Every spelling after which a value comes, the unseen ones too.
  var valueSpellings: [String] { (short.map { ["-\($0)"] } ?? []) + longNames.map { "--\($0.name)" } }
}

extension String {
  /// Between single quotes, as POSIX shells read it.
  var shellQuoted: String { "'" + replacing("'", with: "'\\''") + "'" }

  /// The text with each of some characters behind a backslash.
  func escaping(_ special: String) -> String {
    reduce(into: "") { $0 += special.contains($1) ? "\\\($1)" : "\($1)" }
  }

  private func replacing(_ character: Character, with text: String) -> String {
    reduce(into: "") { $0 += $1 == character ? text : "\($1)" }
  }
}
