/// Message text made safe for a terminal: what a stranger published can be read, but can never move the cursor, recolour
/// or retitle the window, or reorder the line.
///
/// Control characters (C0, DEL, C1, and with them every escape sequence) and the line and paragraph separators are shown
/// as `\x1b` or `\u{2028}`, bidirectional overrides and marks (Unicode UAX #9 §2) as `\u{202e}`. A line feed and a
/// tabulator stay. Text without any of these comes back as it is, without a copy.
enum TerminalText {
  /// What becomes of line feeds.
  enum LineFeeds: Sendable {
    /// They stay: for text that may fill several rows.
    case kept
    /// They are shown as `\x0a`: for text that must stay on one row, such as a topic.
    case shown
  }

  static func safe(_ text: String, lineFeeds: LineFeeds = .kept) -> String {
    guard text.utf8.contains(where: { mayNeedEscape($0, lineFeeds) }) else { return text }
    var safe = ""
    safe.reserveCapacity(text.utf8.count + 16)
    for scalar in text.unicodeScalars {
      if isHarmless(scalar, lineFeeds) {
        safe.unicodeScalars.append(scalar)
      } else {
        safe += escape(scalar)
      }
    }
    return safe
  }

  /// A look at single bytes, so that ordinary text is passed over quickly: controls, and the lead bytes of C1 (C2),
  /// U+061C (D8) and the marks and separators of U+2000–206F (E2).
  private static func mayNeedEscape(_ byte: UInt8, _ lineFeeds: LineFeeds) -> Bool {
    switch byte {
    case 0x09: false
    case 0x0A: lineFeeds == .shown
    case 0x00..<0x20, 0x7F, 0xC2, 0xD8, 0xE2: true
    default: false
    }
  }

  private static func isHarmless(_ scalar: Unicode.Scalar, _ lineFeeds: LineFeeds) -> Bool {
    switch scalar.value {
    case 0x09: true
    case 0x0A: lineFeeds == .kept
    case 0x00..<0x20, 0x7F..<0xA0: false
    case 0x061C, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069: false
    default: true
    }
  }

  private static func escape(_ scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16)
    guard scalar.value < 0x100 else { return "\\u{\(digits)}" }
    return digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
  }
}
