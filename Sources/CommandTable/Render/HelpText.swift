extension Program {
  /// The help of the program or of one command, ending in a newline.
  ///
  /// No line of prose is wider than `columns`, which is held between 40 and 100.
  package func help(
    for path: CommandPath, _ detail: HelpDetail = .full, columns: Int = 80, style: Style = .plain
  ) -> String {
    var help = HelpText(detail: detail, columns: min(max(columns, 40), 100), style: style)
    if let command = path.command {
      help.write(command, at: path, in: self)
    } else {
      help.write(self)
    }
    return help.text
  }
}

/// One page of help as it grows, section by section.
private struct HelpText {
  let detail: HelpDetail
  let columns: Int
  let style: Style
  private(set) var text = ""

  init(detail: HelpDetail, columns: Int, style: Style) {
    self.detail = detail
    self.columns = columns
    self.style = style
  }

  private static let indent = 2
  private var isFull: Bool { detail == .full }
  private static let gap = 2

  // MARK: Pages

  mutating func write(_ program: Program) {
    paragraph(Prose(program.summary))
    usage(of: program.root, in: program)
    discussion(program.discussion)
    commands(program.allCommands)
    options(OptionGroups([], followedBy: program.globalOptions))
    if isFull {
      table("Environment", program.variables.map { ([.literal($0.name)], $0.meaning) })
      table("Exit status", program.exitStatuses.map { ([.literal("\($0.code.rawValue)")], $0.meaning) })
      examples(program.examples)
    }
    section(nil)
    paragraph(Prose("Run `\(program.name) help COMMAND` to read more about a command."))
  }

  mutating func write(_ command: Command, at path: CommandPath, in program: Program) {
    paragraph(Prose(command.summary))
    usage(of: path, in: program)
    discussion(command.discussion)
    commands(command.subcommands)
    arguments(command.arguments.map { $0.facts })
    options(OptionGroups(command.options, followedBy: program.globalOptions))
    if isFull {
      examples(command.examples)
    } else {
      section(nil)
      paragraph(Prose("Run `\(path.text) --help` to read more."))
    }
  }

  // MARK: Sections

  private mutating func usage(of path: CommandPath, in program: Program) {
    section(nil)
    let title = "Usage:"
    let lines = Prose(words: path.usage(in: program)).lines(width: columns - title.count - 1).map(\.onOneLine)
    for (index, usage) in lines.enumerated() {
      line((index == 0 ? [.heading(title), .plain(" ")] : []) + usage, indent: index == 0 ? 0 : title.count + 1)
    }
  }

  private mutating func discussion(_ paragraphs: [String]) {
    guard isFull else { return }
    for text in paragraphs {
      section(nil)
      paragraph(Prose(text))
    }
  }

  private mutating func commands(_ commands: [Command]) {
    table("Commands", commands.map { ([.literal($0.name)], $0.summary) })
  }

  private mutating func table(_ title: String, _ rows: [(term: [Fragment], meaning: String)]) {
    guard !rows.isEmpty else { return }
    section(title)
    let column = bodyColumn(beside: rows.map(\.term))
    for row in rows { entry(row.term, [Prose(row.meaning)], at: column) }
  }

  private mutating func arguments(_ rows: [ArgumentFacts]) {
    guard !rows.isEmpty else { return }
    section("Arguments")
    let column = bodyColumn(beside: rows.map(\.term))
    for facts in rows {
      let notes = isFull ? accepts(facts.acceptedNote) : []
      entry(facts.term, body(facts.help, facts.details, notes: notes), at: column)
    }
  }

  private mutating func options(_ groups: OptionGroups) {
    let hasShort = groups.groups.contains { $0.rows.contains { $0.short != nil } }
    // Long names stand below one another, with room for a short one on their left.
    func term(_ facts: OptionFacts) -> [Fragment] {
      facts.short == nil && facts.name != nil && hasShort ? [.plain("    ")] + facts.term : facts.term
    }
    let column = bodyColumn(beside: groups.groups.flatMap { $0.rows.map(term) })
    for (title, rows) in groups.groups {
      section(title ?? "Options")
      for facts in rows { entry(term(facts), body(facts.help, facts.details, notes: notes(on: facts)), at: column) }
    }
  }

  private mutating func examples(_ examples: [Example]) {
    guard !examples.isEmpty else { return }
    section("Examples")
    for (index, example) in examples.enumerated() {
      if index > 0 { text += "\n" }
      paragraph(Prose(example.explanation), indent: Self.indent)
      for command in example.commandLine.split(separator: "\n") {
        line([.literal(String(command))], indent: Self.indent + 4)
      }
    }
  }

  // MARK: Notes

  /// Each note is one word, never parted, but for the long ones on what is accepted and on the variable.
  private func notes(on facts: OptionFacts) -> [Word] {
    var notes: [Word] = []
    if facts.isRequired { notes.append([.plain("[required]")]) }
    if isFull {
      notes += accepts(facts.acceptedNote)
      if facts.arity == .repeatable { notes.append([.plain("[may be repeated]")]) }
    }
    if let text = facts.defaultText { notes.append([.plain("[default: \(text.isEmpty ? "empty" : text)]")]) }
    guard let name = facts.variable, facts.name != nil else { return notes }
    guard isFull, let note = facts.variableNote else { return notes + [[.plain("[env: \(name)]")]] }
    return notes + [[.plain("[env: \(name),")]] + Prose("\(note)]").words
  }

  private func accepts(_ note: String?) -> [Word] { note.map { Prose("[accepts \($0)]").words } ?? [] }

  /// In short the notes follow the help line, in full they have a line of their own.
  private func body(_ help: String, _ details: [String], notes: [Word]) -> [Prose] {
    guard isFull else { return [Prose(words: Prose(help).words + notes)] }
    let sentences = details.isEmpty ? [help] : [help.asSentence] + details
    return sentences.map { Prose($0) } + (notes.isEmpty ? [] : [Prose(words: notes)])
  }

  // MARK: Lines

  private mutating func section(_ title: String?) {
    if !text.isEmpty { text += "\n" }
    if let title { line([.heading(title + ":")], indent: 0) }
  }

  private mutating func paragraph(_ prose: Prose, indent: Int = 0) {
    for words in prose.lines(width: columns - indent) { line(words.onOneLine, indent: indent) }
  }

  /// Where the second column starts: behind the widest term, but not beyond the middle of a narrow page.
  private func bodyColumn(beside terms: [[Fragment]]) -> Int {
    let widest = terms.map(\.width).max() ?? 0
    return min(Self.indent + widest + Self.gap, 28, columns / 3)
  }

  /// A term, and its paragraphs in the second column: beside it when it leaves room, else below.
  private mutating func entry(_ term: [Fragment], _ paragraphs: [Prose], at column: Int) {
    let width = Self.indent + term.width
    let body = paragraphs.flatMap { $0.lines(width: columns - column) }.map(\.onOneLine)
    let isBeside = width + Self.gap <= column
    if isBeside, let first = body.first {
      line(term + [.plain(String(repeating: " ", count: column - width))] + first, indent: Self.indent)
    } else {
      line(term, indent: Self.indent)
    }
    for rest in body.dropFirst(isBeside ? 1 : 0) { line(rest, indent: column) }
  }

  private mutating func line(_ fragments: [Fragment], indent: Int) {
    text += String(repeating: " ", count: indent)
    for fragment in fragments { text += style.apply(to: fragment) }
    text += "\n"
  }
}
