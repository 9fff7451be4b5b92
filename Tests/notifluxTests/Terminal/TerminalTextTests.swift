import Testing

@testable import notiflux

@Suite("Message text on a terminal")
struct TerminalTextTests {
  @Test(
    "control characters and escape sequences are shown, not sent",
    arguments: [
      ("a\u{1B}[2Jb", "a\\x1b[2Jb"), ("bell\u{07}", "bell\\x07"), ("a\rb", "a\\x0db"), ("\u{00}", "\\x00"),
      ("\u{7F}", "\\x7f"), ("\u{9B}31m", "\\x9b31m"), ("\u{1B}]0;title\u{07}", "\\x1b]0;title\\x07"),
      ("a\r\nb", "a\\x0d\nb"),
    ])
  func controls(text: String, shown: String) {
    #expect(Array(TerminalText.safe(text).utf8) == Array(shown.utf8))
  }

  @Test(
    "characters that reorder or break a line are shown",
    arguments: [
      ("a\u{202E}b", "a\\u{202e}b"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"), ("\u{061C}", "\\u{61c}"),
      ("\u{200F}", "\\u{200f}"), ("a\u{2028}b", "a\\u{2028}b"),
    ])
  func reordering(text: String, shown: String) {
    #expect(TerminalText.safe(text) == shown)
  }

  @Test(
    "ordinary text stays byte for byte",
    arguments: ["", "plain", "tab\tand\nline", "Grüße, 日本, 👩‍👩‍👧, e\u{301}, é, \u{A0}, ؀, “quotes”", "\\x1b written out"])
  func ordinary(text: String) {
    #expect(Array(TerminalText.safe(text).utf8) == Array(text.utf8))
  }

  @Test("a line feed is shown where the text must stay on one row")
  func lineFeeds() {
    #expect(TerminalText.safe("a\nb\t", lineFeeds: .shown) == "a\\x0ab\t")
  }

  @Test("no scalar gets through that a terminal would act on")
  func everyScalar() {
    for value in (0...0x2100 as ClosedRange<UInt32>) {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let category = scalar.properties.generalCategory
      let acts =
        category == .control || category == .lineSeparator || category == .paragraphSeparator
        || scalar.properties.isBidiControl
      let safe = TerminalText.safe(String(scalar), lineFeeds: .shown)
      #expect(safe.unicodeScalars.elementsEqual([scalar]) == (!acts || value == 9), "U+\(String(value, radix: 16))")
    }
  }
}
