extension Program {
  /// A file of the variables of a command, for a service: systemd reads it (systemd.exec(5), `EnvironmentFile=`), and so
  /// does a shell.
  ///
  /// Each variable stands there with its help, commented out and with its default. Those of `values` are set, to texts that
  /// need no quotes. An empty variable counts as unset, so what has no default is empty.
  package func environmentFile(
    for command: Command, introduction: [String], values: [String: String] = [:]
  ) -> String {
    var file = EnvironmentFile()
    for paragraph in introduction { file.paragraph(Prose(paragraph), isFirst: file.text.isEmpty) }
    for (title, rows) in OptionGroups(command.options).groups {
      let rows = rows.filter { $0.variable != nil }
      if let title, !rows.isEmpty { file.heading(title) }
      for facts in rows { file.setting(facts, value: facts.variable.flatMap { values[$0] }) }
    }
    return file.text
  }
}

/// The file as it grows.
private struct EnvironmentFile {
  private static let columns = 80
  private(set) var text = ""

  mutating func paragraph(_ prose: Prose, isFirst: Bool = true) {
    if !isFirst { text += "#\n" }
    for line in prose.lines(width: Self.columns - 2) {
      text += "# " + line.onOneLine.map(\.text).joined() + "\n"
    }
  }

  mutating func heading(_ title: String) { text += "\n### \(title)\n" }

  mutating func setting(_ facts: OptionFacts, value: String?) {
    guard let variable = facts.variable else { return }
    text += "\n"
    // A default that is described, "the number of cores", is no value that could be given.
    let isLiteral = facts.defaultText.map { !$0.contains(" ") } ?? false
    var sentences = [facts.help.asSentence]
    if let accepted = facts.acceptedNote ?? facts.acceptedByVariable { sentences.append("Accepts \(accepted).") }
    if let note = facts.variableNote { sentences.append("\(note.prefix(1).uppercased())\(note.dropFirst()).") }
    if let described = facts.defaultText, !isLiteral { sentences.append("Default: \(described).") }
    paragraph(Prose(sentences.joined(separator: " ")))
    if let value {
      text += "\(variable)=\(value)\n"
    } else {
      text += "#\(variable)=\(isLiteral ? facts.defaultText ?? "" : "")\n"
    }
  }
}

extension OptionFacts {
  /// What the variable of a flag accepts; of choices, which help shows in place of a placeholder, each.
  fileprivate var acceptedByVariable: String? {
    switch completion {
    case .file, .directory: nil
    case .choices(let choices): choices.joined(separator: ", ")
    default: takesValue ? nil : accepted
    }
  }
}
