/// Words of the user inside our own sentences: on one line, harmless to a terminal, and of a bearable length.
package enum Quotation {
  /// A word longer than this is cut: what is long is data, perhaps a secret, not something a person typed.
  static let longest = 64
  static let kept = 32

  /// The text between double quotes, cut when long; quotes and backslashes within are escaped.
  package static func quoted(_ text: some StringProtocol) -> String {
    "\"" + escaped(cut(text).text, also: ["\"", "\\"]) + (cut(text).isShorter ? "…\"" : "\"")
  }

  /// The text without quotes, cut when long: for the names of options.
  package static func bare(_ text: some StringProtocol) -> String {
    escaped(cut(text).text, also: []) + (cut(text).isShorter ? "…" : "")
  }

  /// The whole text with every control character made visible.
  package static func oneLine(_ text: some StringProtocol) -> String { escaped(Substring(text), also: []) }

  private static func cut(_ text: some StringProtocol) -> (text: Substring, isShorter: Bool) {
    let scalars = Substring(text).unicodeScalars
    guard scalars.index(scalars.startIndex, offsetBy: longest + 1, limitedBy: scalars.endIndex) != nil else {
      return (Substring(scalars), false)
    }
    return (Substring(scalars.prefix(kept)), true)
  }

  private static func escaped(_ text: Substring, also special: [Unicode.Scalar]) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      if special.contains(scalar) {
        result.append(contentsOf: ["\\", scalar])
      } else if isHarmless(scalar) {
        result.append(scalar)
      } else {
        result.append(contentsOf: escape(scalar).unicodeScalars)
      }
    }
    return String(result)
  }

  /// Control, format (bidirectional overrides among them), line and paragraph separators could forge a second line.
  private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return scalar.value >= 0x20 && scalar.value != 0x7F }
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .privateUse, .unassigned, .surrogate: return false
    default: return true
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    switch scalar {
    case "\n": "\\n"
    case "\r": "\\r"
    case "\t": "\\t"
    default: "\\u{\(String(scalar.value, radix: 16))}"
    }
  }
}
