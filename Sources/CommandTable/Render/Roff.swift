/// A manual page as it grows, in the macros of man(7) that groff and mandoc both know.
///
/// Nothing of the text can become a request: backslashes, leading dots and quotes are escaped, and every character
/// beyond ASCII is written by its number, so that a page reads the same in any locale.
struct Roff {
  private(set) var text = ""
  /// How long a line of the source grows before it is broken.
  private static let width = 76

  init(title: String, date: String, source: String, manual: String) {
    text += ".TH \(Self.literal(title.uppercased())) 1 \(argument(date)) \(argument(source)) \(argument(manual))\n"
  }

  mutating func section(_ title: String) { text += ".SH \(Self.literal(title.uppercased()))\n" }
  mutating func subsection(_ title: String) { text += ".SS \(argument(title))\n" }

  mutating func paragraphs(_ paragraphs: [String], first: Bool = true) {
    for (index, paragraph) in paragraphs.enumerated() {
      if index > 0 || !first { text += ".PP\n" }
      prose(paragraph)
    }
  }

  /// A term and what it means, in paragraphs under the same indent.
  mutating func entry(_ term: [Fragment], _ paragraphs: [String]) {
    text += ".TP\n"
    line(Self.fragments(term))
    for (index, paragraph) in paragraphs.enumerated() {
      if index > 0 { text += ".IP\n" }
      prose(paragraph)
    }
  }

  /// Lines that keep their breaks, in a fixed font, indented.
  mutating func code(_ code: String) {
    text += ".PP\n.RS 4\n.EX\n"
    for part in code.split(separator: "\n", omittingEmptySubsequences: false) { line(Self.literal(part)) }
    text += ".EE\n.RE\n"
  }

  /// Words on one line of their own, broken from the next by `.br` when another follows.
  mutating func synopsis(_ lines: [[Word]]) {
    for (index, words) in lines.enumerated() {
      if index > 0 { text += ".br\n" }
      line(words.map(Self.fragments).joined(separator: " "))
    }
  }

  mutating func line(_ escaped: String) {
    let isRequest = escaped.utf8.first == UInt8(ascii: ".") || escaped.utf8.first == UInt8(ascii: "'")
    text += (isRequest ? "\\&" : "") + escaped + "\n"
  }

  /// Filled lines; a new sentence starts a new line, by which roff knows where it may set a wider blank.
  private mutating func prose(_ paragraph: String) {
    var current = ""
    for word in Prose(paragraph).words {
      let escaped = Self.fragments(word)
      if !current.isEmpty, current.count + 1 + escaped.count > Self.width {
        line(current)
        current = ""
      }
      current += (current.isEmpty ? "" : " ") + escaped
      if let end = word.last?.text.last, ".?!".contains(end) {
        line(current)
        current = ""
      }
    }
    if !current.isEmpty { line(current) }
  }

  private func argument(_ text: String) -> String {
    let parts = text.split(separator: "\"", omittingEmptySubsequences: false).map { Self.prose($0) }
    return "\"" + parts.joined(separator: "\\(dq") + "\""
  }

  // MARK: Escapes

  static func fragments(_ fragments: [Fragment]) -> String {
    fragments.map { fragment in
      switch fragment.role {
      case .plain: prose(fragment.text)
      case .literal, .heading: "\\fB\(literal(fragment.text))\\fR"
      case .placeholder: "\\fI\(literal(fragment.text))\\fR"
      }
    }.joined()
  }

  /// Text to be typed as it stands: every dash is an ASCII dash, every quote an ASCII quote.
  static func literal(_ text: some StringProtocol) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "-": result += "\\-"
      case "'": result += "\\(aq"
      case "`": result += "\\(ga"
      case "\"": result += "\\(dq"
      default: result += common(scalar)
      }
    }
    return result
  }

  /// Running text: a dash inside a word is a hyphen, one that begins a word is an option's.
  static func prose(_ text: some StringProtocol) -> String {
    let isOption = text.utf8.drop { "([\"'".utf8.contains($0) }.first == UInt8(ascii: "-")
    return text.unicodeScalars.map { $0 == "-" && isOption ? "\\-" : common($0) }.joined()
  }

  private static func common(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\\": "\\e"
    case "^": "\\(ha"
    case "~": "\\(ti"
    case _ where scalar.value < 0x20 || scalar.value == 0x7F: " "
    case _ where scalar.isASCII: String(Character(scalar))
    default: "\\[u\(hexadecimal(scalar.value))]"
    }
  }

  /// At least four digits, in capitals: groff_char(7).
  private static func hexadecimal(_ value: UInt32) -> String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
