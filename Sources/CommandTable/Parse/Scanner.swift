/// What was typed, told apart by the dashes alone: the scanner knows no table.
///
/// It is pulled. Whoever knows that an option takes a value asks for it by `value()` before asking for the next token;
/// so the next word belongs to the option whatever it looks like, which is the habit of GNU's getopt.
struct Scanner {
  enum Token: Equatable {
    /// `--name` or `--name=value`.
    case long(name: Substring, value: Substring?)
    /// One letter of `-x` or of a cluster `-xyz`.
    case short(Unicode.Scalar)
    /// Anything else: a lone `-`, and all that follows `--`.
    case word(String)
  }

  private let arguments: [String]
  private var position = 0
  private var onlyWords = false
  /// The letters of a cluster that are still to come.
  private var pending = Substring.UnicodeScalarView()
  /// The cluster that is being scanned, without its dash.
  private(set) var cluster = Substring()

  init(_ arguments: [String]) { self.arguments = arguments }

  mutating func next() -> Token? {
    if let letter = pending.popFirst() { return .short(letter) }
    guard position < arguments.count else { return nil }
    let argument = arguments[position]
    position += 1
    guard !onlyWords, argument.utf8.first == UInt8(ascii: "-"), argument.utf8.count > 1 else { return .word(argument) }
    // Positions in the view of bytes: next to a combining mark a dash or an equals sign is no `Character` of its own.
    let body = argument[argument.utf8.index(after: argument.startIndex)...]
    guard body.utf8.first == UInt8(ascii: "-") else {
      cluster = body
      pending = body.unicodeScalars
      return pending.popFirst().map { .short($0) } ?? .word(argument)
    }
    let text = body[body.utf8.index(after: body.startIndex)...]
    if text.utf8.isEmpty {
      onlyWords = true
      return next()
    }
    guard let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) else { return .long(name: text, value: nil) }
    return .long(name: text[..<equals], value: text[text.utf8.index(after: equals)...])
  }

  /// The value of the option just scanned: the rest of its cluster (`-nvalue`, `-n=value`), else the next word.
  mutating func value() -> String? {
    if !pending.isEmpty {
      let rest = pending.first == "=" ? pending.dropFirst() : pending
      pending = Substring.UnicodeScalarView()
      return String(rest)
    }
    guard position < arguments.count else { return nil }
    position += 1
    return arguments[position - 1]
  }

  /// Whether the letter just scanned is followed by `=`, as in `-q=yes`; the rest of the cluster is dropped then.
  mutating func dropAttachedValue() -> Bool {
    guard pending.first == "=" else { return false }
    pending = Substring.UnicodeScalarView()
    return true
  }
}
