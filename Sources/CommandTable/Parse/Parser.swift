/// What the typed words mean against the table: which command, which occurrences of which rows, which positionals.
///
/// An unknown option does not end the scan, since a `--help` behind it is still to be answered; an unknown command does.
struct Parser {
  let program: Program
  private var scanner: Scanner
  private(set) var path: CommandPath
  private var words: [String] = []
  private var typed: [String: [RawSetting.Occurrence]] = [:]
  private var request: Request?
  private var firstError: UsageError?

  private enum Request {
    case help(HelpDetail)
    case version
  }

  init(program: Program, arguments: [String]) {
    self.program = program
    scanner = Scanner(arguments)
    path = CommandPath(program: program.name)
  }

  mutating func parse(environment: Environment) throws(UsageError) -> Invocation {
    while let token = scanner.next() { try take(token) }
    switch request {
    case .help(let detail): return .help(path, detail)
    case .version: return .version
    case nil: break
    }
    if let firstError { throw firstError }
    if path.command?.isHelp == true { return .help(try pathToHelp(), .full) }
    guard let command = path.command, let run = command.run else { throw missingCommand() }
    return .run(run, try settings(of: command, environment))
  }

  // MARK: What was typed

  private mutating func take(_ token: Scanner.Token) throws(UsageError) {
    switch token {
    case .word(let word):
      try take(word)
    case .long(let name, let value):
      guard let found = rows.first(long: name) else { return note(unknownOption(name)) }
      take(found.row, Occurrence("--" + String(name), value.map { String($0) }, found.isNegation))
    case .short(let letter):
      guard let row = rows.first(short: letter) else { return note(unknownOption(letter)) }
      take(row, Occurrence("-" + String(Character(letter)), nil, false))
    }
  }

  private typealias Occurrence = RawSetting.Occurrence

  private mutating func take(_ row: any OptionRow, _ occurrence: Occurrence) {
    var occurrence = occurrence
    let facts = row.facts
    if facts.takesValue {
      guard let value = occurrence.value ?? scanner.value() else {
        return note(UsageError("\(occurrence.spelling) needs a value (\(facts.accepted))", hint: hint))
      }
      occurrence.value = value
    } else if occurrence.value != nil || scanner.dropAttachedValue() {
      return note(UsageError("\(occurrence.spelling) takes no value", hint: hint))
    }
    typed[facts.key, default: []].append(occurrence)
    switch facts.key {
    case Program.helpOption.facts.key:
      request = request ?? .help(occurrence.spelling == "-h" ? .brief : .full)
    case Program.versionOption.facts.key: request = request ?? .version
    default: break
    }
  }

  /// A word selects the next command as long as there is one to select; then it is a positional.
  private mutating func take(_ word: String) throws(UsageError) {
    let commands = path.subcommands(in: program)
    guard !commands.isEmpty else { return words.append(word) }
    guard let command = commands.first(named: word) else {
      throw firstError ?? unknownCommand(word, among: commands)
    }
    path = path.appending(command)
  }

  private mutating func note(_ error: UsageError) { firstError = firstError ?? error }

  // MARK: What it means

  private func settings(of command: Command, _ environment: Environment) throws(UsageError) -> Settings {
    do throws(UsageError) {
      try checkExclusive(command.exclusive)
      let warnings = program.unknownVariables(for: command, in: environment)
      var settings = Settings(commandLine: path.text, warnings: warnings)
      for row in rows {
        let value = row.facts.variable.flatMap { environment[$0] }
        let raw = RawSetting(occurrences: typed[row.facts.key] ?? [], environmentValue: value)
        settings.store(try row.resolve(raw), under: row.facts.key)
      }
      for (row, words) in try ArgumentFacts.share(words, among: command.arguments) {
        settings.store(try row.resolve(words), under: row.facts.name)
      }
      return settings
    } catch {
      throw UsageError(error.message, hint: hint)
    }
  }

  private func checkExclusive(_ sets: [[any OptionRow]]) throws(UsageError) {
    for set in sets {
      let given = set.compactMap { typed[$0.facts.key]?.last?.spelling }
      guard given.count > 1 else { continue }
      throw UsageError("\(given.joined(separator: " and ")) exclude each other; give one of them")
    }
  }

  /// `help token subscribe`, and `token help subscribe` too.
  private func pathToHelp() throws(UsageError) -> CommandPath {
    var target = path.parent
    for word in words {
      let commands = target.subcommands(in: program)
      guard !commands.isEmpty else { throw UsageError("unexpected argument \(Quotation.quoted(word))", hint: hint) }
      guard let command = commands.first(named: word) else { throw unknownCommand(word, among: commands) }
      target = target.appending(command)
    }
    return target
  }

  /// The rows that may stand where the scan has come to.
  var rows: [any OptionRow] { (path.command?.options ?? []) + program.globalOptions }
  var hint: String { "Try '\(path.text) --help'." }
  var clusterText: Substring { scanner.cluster }
}

extension ArgumentFacts {
  /// Deals words out to arguments: each required one gets its own, then what is left over goes from left to right.
  static func share(
    _ words: [String], among rows: [any ArgumentRow]
  ) throws(UsageError) -> [(row: any ArgumentRow, words: [String])] {
    let required = rows.filter { $0.facts.isRequired }
    if words.count < required.count { throw UsageError("missing argument \(required[words.count].facts.name)") }
    var spare = words.count - required.count
    var rest = words[...]
    var shares: [(row: any ArgumentRow, words: [String])] = []
    for row in rows {
      let most = row.facts.isRepeated ? spare : row.facts.isRequired ? 0 : min(1, spare)
      let count = (row.facts.isRequired ? 1 : 0) + most
      spare -= most
      shares.append((row, Array(rest.prefix(count))))
      rest = rest.dropFirst(count)
    }
    if let word = rest.first {
      // Where a secret may stand, one word too many may be it.
      let isSecret = rows.contains { $0.facts.isSecret }
      throw UsageError("unexpected argument" + (isSecret ? "" : " \(Quotation.quoted(word))"))
    }
    return shares
  }
}

extension [any OptionRow] {
  func first(long name: Substring) -> (row: any OptionRow, isNegation: Bool)? {
    for row in self {
      for known in row.facts.longNames where known.name.hasSameBytes(as: name) { return (row, known.isNegation) }
    }
    return nil
  }

  func first(short letter: Unicode.Scalar) -> (any OptionRow)? {
    first { $0.facts.short.map { $0.unicodeScalars.elementsEqual([letter]) } ?? false }
  }
}

extension [Command] {
  func first(named name: some StringProtocol) -> Command? { first { $0.name.hasSameBytes(as: name) } }
}
