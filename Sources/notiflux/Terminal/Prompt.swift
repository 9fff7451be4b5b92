/// A prompt as readline wants it: on one row, with every colour sequence between the bytes 1 and 2, which tell readline
/// that it takes no room on the row (RL_PROMPT_START_IGNORE and RL_PROMPT_END_IGNORE).
enum Prompt {
  /// Marks the `ESC [ … m` sequences of the text; any other control character is shown as `TerminalText` does.
  static func marked(_ text: String) -> String {
    var marked = ""
    var rest = text[...]
    while let escape = rest.firstIndex(of: "\u{1B}") {
      marked += TerminalText.safe(String(rest[..<escape]), lineFeeds: .shown)
      if let sequence = colourSequence(at: rest[escape...]) {
        marked += "\u{01}\(sequence)\u{02}"
        rest = rest[sequence.endIndex...]
      } else {
        marked += TerminalText.safe(String(rest[escape]))
        rest = rest[rest.index(after: escape)...]
      }
    }
    return marked + TerminalText.safe(String(rest), lineFeeds: .shown)
  }

  /// What of a marked prompt is seen.
  static func visible(in marked: String) -> String {
    var visible = ""
    var isIgnored = false
    for scalar in marked.unicodeScalars {
      switch scalar.value {
      case 1: isIgnored = true
      case 2: isIgnored = false
      default: if !isIgnored { visible.unicodeScalars.append(scalar) }
      }
    }
    return visible
  }

  /// The sequence the text begins with: ESC, `[`, digits and semicolons, `m` (ECMA-48 §8.3.117).
  private static func colourSequence(at text: Substring) -> Substring? {
    let bytes = text.utf8
    guard bytes.dropFirst().first == UInt8(ascii: "[") else { return nil }
    let parameters = bytes.dropFirst(2)
    let end = parameters.firstIndex { !(0x30...0x39).contains($0) && $0 != UInt8(ascii: ";") }
    guard let end, bytes[end] == UInt8(ascii: "m") else { return nil }
    return text[...end]
  }
}
