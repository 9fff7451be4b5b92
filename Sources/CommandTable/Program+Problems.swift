// The walk over the table: everything a compiler cannot see.

extension Program {
  /// Everything that is wrong with the table, one line each; a test demands that there be nothing.
  package func problems() -> [String] {
    var problems = TableProblems(program: self)
    problems.check()
    return problems.found
  }
}

/// A walk over a program's table.
private struct TableProblems {
  let program: Program
  private(set) var found: [String] = []
  private var place: String
  private static let longestHelp = 72

  init(program: Program) {
    self.program = program
    place = program.name
  }

  private mutating func report(_ problem: String) { found.append("\(place): \(problem)") }

  mutating func check() {
    checkLine(program.summary, of: "the summary")
    checkParagraphs(program.discussion, of: "the discussion")
    checkNames(of: program.commands)
    checkOptions(program.globalOptions)
    checkExamples(program.examples)
    checkSections(program.sections)
    checkRepeats(of: program.exitStatuses.map { "\($0.code.rawValue)" }, what: "exit status")
    for path in program.paths {
      guard let command = path.command else { continue }
      place = path.text
      check(command)
    }
  }

  private mutating func check(_ command: Command) {
    if !isName(command.name) { report("the name is not made of small letters, digits and single dashes") }
    checkLine(command.summary, of: "the summary")
    checkParagraphs(command.discussion, of: "the discussion")
    if command.run == nil, command.subcommands.isEmpty { report("it neither runs nor has subcommands") }
    checkNames(of: command.subcommands)
    checkOptions(command.options + program.globalOptions)
    checkArguments(command.arguments)
    let keys = command.options.map { $0.facts.key }
    for row in command.exclusive.joined() where !keys.contains(row.facts.key) {
      report("\(row.facts.title) is exclusive but not among the options")
    }
    checkExamples(command.examples)
    checkSections(command.sections)
  }

  private mutating func checkNames(of commands: [Command]) {
    checkRepeats(of: commands.map(\.name), what: "command")
    if commands.contains(where: \.isHelp) { report("the command help is built in") }
  }

  private mutating func checkOptions(_ rows: [any OptionRow]) {
    let facts = rows.map { $0.facts }
    checkRepeats(of: facts.flatMap { $0.longNames.map { "--\($0.name)" } }, what: "option")
    checkRepeats(of: facts.compactMap { $0.short.map { "-\($0)" } }, what: "option")
    checkRepeats(of: facts.compactMap(\.variable), what: "variable")
    for row in rows { checkOption(row) }
  }

  private mutating func checkOption(_ row: any OptionRow) {
    let facts = row.facts
    for (name, _) in facts.longNames where !isName(name) || name.utf8.count < 2 {
      report("--\(name) is not made of small letters, digits and single dashes")
    }
    if let short = facts.short, short.utf8.count != 1 || !(short.isLetter || short.isNumber) {
      report("\(facts.title): the short form \(short) is not an ASCII letter or digit")
    }
    if let variable = facts.variable, !isVariableName(variable) {
      report("\(facts.title): \(variable) is not made of capitals, digits and underscores")
    }
    if facts.name == nil, facts.variable == nil { report("an option has neither a flag nor a variable") }
    if facts.arity == .flag(isNegatable: false), facts.defaultText != nil {
      report("\(facts.title): a flag that is on by default must be negatable")
    }
    if facts.takesValue, facts.placeholder.isEmpty { report("\(facts.title): no placeholder") }
    if facts.completion == .choices([]) { report("\(facts.title): no choices") }
    checkLine(facts.help, of: "\(facts.title): the help")
    checkParagraphs(facts.details, of: "\(facts.title): the details")
    guard !facts.isRequired else { return }
    do throws(UsageError) {
      _ = try row.resolve(RawSetting())
    } catch {
      report(error.message)
    }
  }

  private mutating func checkArguments(_ rows: [any ArgumentRow]) {
    let facts = rows.map { $0.facts }
    checkRepeats(of: facts.map(\.name), what: "argument")
    if facts.filter(\.isRepeated).count > 1 { report("more than one argument is repeated") }
    if facts.contains(where: \.isRepeated), facts.contains(where: { $0.arity == .optional }) {
      report("an optional argument beside a repeated one cannot be told apart from it")
    }
    for row in facts {
      if row.name.isEmpty { report("an argument has no name") }
      checkLine(row.help, of: "\(row.name): the help")
      checkParagraphs(row.details, of: "\(row.name): the details")
    }
  }

  /// An example that is a plain command line must be one that the parser takes.
  private mutating func checkExamples(_ examples: [Example]) {
    for example in examples {
      checkParagraphs([example.explanation], of: "the explanation of an example")
      guard !example.commandLine.contains(where: { "\"'`$|<>&;\\*(){}\n".contains($0) }) else { continue }
      let allWords = example.commandLine.split(separator: " ").map { String($0) }
      let assignments = allWords.prefix { isVariableName(String($0.prefix { $0 != "=" })) && $0.contains("=") }
      let words = allWords.dropFirst(assignments.count)
      guard words.first == program.name else {
        report("the example '\(example.commandLine)' does not start with \(program.name)")
        continue
      }
      do throws(UsageError) {
        _ = try program.parse(words.dropFirst(), environment: environment(of: assignments))
      } catch {
        report("the example '\(example.commandLine)' is refused: \(error.message)")
      }
    }
  }

  private func environment(of assignments: ArraySlice<String>) -> Environment {
    let pairs = assignments.map { $0.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false) }
    return Environment(Dictionary(pairs.map { (String($0[0]), String($0[1])) }, uniquingKeysWith: { $1 }))
  }

  private mutating func checkSections(_ sections: [ManSection]) {
    for section in sections {
      if section.title != section.title.uppercased() { report("the section \(section.title) is not in capitals") }
      checkParagraphs(section.paragraphs, of: "the section \(section.title)")
    }
  }

  private mutating func checkLine(_ text: String, of what: String) {
    if text.isEmpty { report("\(what) is missing") }
    if text.last == "." { report("\(what) ends with a period") }
    if text.contains(where: \.isNewline) { report("\(what) has more than one line") }
    if text.count > Self.longestHelp { report("\(what) is longer than \(Self.longestHelp) characters") }
    if text.first.map({ $0.isLowercase }) ?? false { report("\(what) starts with a small letter") }
  }

  private mutating func checkParagraphs(_ paragraphs: [String], of what: String) {
    for paragraph in paragraphs {
      guard let last = paragraph.last(where: { $0 != ")" }), ".:?!".contains(last) else {
        report("\(what) has a paragraph that is not made of whole sentences")
        continue
      }
    }
  }

  private mutating func checkRepeats(of names: [String], what: String) {
    var seen: Set<String> = []
    for name in names where !seen.insert(name).inserted { report("the \(what) \(name) is there twice") }
  }

  private func isName(_ name: String) -> Bool {
    let parts = name.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
    return parts.allSatisfy { part in
      !part.isEmpty && part.allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    }
  }

  private func isVariableName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !isDigit(first) else { return false }
    return name.utf8.allSatisfy {
      isDigit($0) || $0 == UInt8(ascii: "_") || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
    }
  }
}
