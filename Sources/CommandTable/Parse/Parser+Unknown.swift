// What to say to words that are not in the table.

extension Parser {
  func unknownOption(_ name: Substring) -> UsageError {
    let shown = "--" + Quotation.bare(name)
    let near = NearNames.of(shown, among: rows.flatMap { $0.facts.shownSpellings })
    if !near.isEmpty { return UsageError("unknown option \(shown); did you mean \(near.joinedByOr())?", hint: hint) }
    if let owner = program.paths.first(where: { $0.command?.options.shows(long: name) ?? false }) {
      let advice =
        path.command == nil
        ? "it stands after its command, as in '\(owner.text) \(shown)'" : "it belongs to '\(owner.text)'"
      return UsageError("unknown option \(shown); \(advice)", hint: hint)
    }
    return UsageError("unknown option \(shown)", hint: hint)
  }

  /// A letter no row has. With one dash too few in front of a long name, the long name is what was meant.
  func unknownOption(_ letter: Unicode.Scalar) -> UsageError {
    let shown = "-" + Quotation.bare(String(Character(letter)))
    let name = clusterText.prefix { $0 != "=" }
    if let meant = rows.first(long: name), !meant.row.facts.isHidden, name.utf8.count > 1 {
      return UsageError("unknown option \(shown); did you mean --\(name)?", hint: hint)
    }
    let otherCase = rows.compactMap { $0.facts.isHidden ? nil : $0.facts.short }.first {
      $0.lowercased() == String(Character(letter)).lowercased()
    }
    let advice = otherCase.map { "; did you mean -\($0)?" } ?? ""
    return UsageError("unknown option \(shown)\(advice)", hint: hint)
  }

  func unknownCommand(_ word: String, among commands: [Command]) -> UsageError {
    let near = NearNames.of(word, among: commands.map(\.name))
    // `inspect` alone: it exists, but one level down.
    let deeper = program.paths.filter { $0.commands.count > 1 && $0.command?.name.hasSameBytes(as: word) ?? false }
    let meant = near.isEmpty ? deeper.prefix(3).map { $0.words.dropFirst().joined(separator: " ") } : near
    let advice = meant.isEmpty ? "" : "; did you mean \(meant.map { "\"\($0)\"" }.joinedByOr())?"
    return UsageError("unknown command \(Quotation.quoted(word))\(advice)", hint: hint)
  }

  func missingCommand() -> UsageError {
    let names = path.subcommands(in: program).filter { !$0.isHelp }.map(\.name)
    return UsageError("missing command; give \(names.joinedByOr())", hint: hint)
  }
}

extension Command {
  /// Whether this is the command that every program has.
  var isHelp: Bool { name == Program.helpCommand.name }
}

extension CommandPath {
  var parent: CommandPath {
    commands.dropLast().reduce(CommandPath(program: program)) { $0.appending($1) }
  }

  /// What may follow as a command; each level has its own `help`.
  func subcommands(in program: Program) -> [Command] {
    guard let command else { return program.allCommands }
    return command.subcommands.isEmpty ? [] : command.subcommands + [Program.helpCommand]
  }
}

extension Program {
  /// Every command of the table with the way to it, depth first; `help` is not among them.
  package var paths: [CommandPath] {
    func walk(_ path: CommandPath, _ commands: [Command]) -> [CommandPath] {
      commands.flatMap { [path.appending($0)] + walk(path.appending($0), $0.subcommands) }
    }
    return walk(CommandPath(program: name), commands)
  }

  /// The path that stands for the program itself.
  package var root: CommandPath { CommandPath(program: name) }
}

extension [any OptionRow] {
  fileprivate func shows(long name: Substring) -> Bool {
    first(long: name).map { !$0.row.facts.isHidden } ?? false
  }
}
