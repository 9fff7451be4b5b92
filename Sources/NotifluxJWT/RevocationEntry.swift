import NotifluxProtocol

/// A line of a revocation list: `jti ID`, `sub SUBJECT` or `sub SUBJECT before TIME`.
///
/// Words are parted by blanks or tabs. An ID or a subject stands as it is, or as a JSON string in double quotes, which it
/// must where it is empty, begins with a quote, or has a blank, a `#` or a control character. A `#` in front of a word
/// begins a comment. TIME is RFC 3339, or seconds since 1970 with or without a fraction.
enum RevocationEntry: Equatable {
  case id(String)
  case subject(String, before: Double?)

  /// Why a line is none.
  struct Problem: Error, Equatable {
    let message: String
    init(_ message: String) { self.message = message }
  }

  private struct Word {
    let text: String
    let isQuoted: Bool
    func isKeyword(_ word: String) -> Bool { !isQuoted && text.hasSameBytes(as: word) }
  }

  /// Without the newline; a carriage return before it does no harm. Nil for a line that says nothing.
  init?(line: ArraySlice<UInt8>) throws(Problem) {
    let words = try Self.words(of: line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
    guard let first = words.first else { return nil }
    if words.count == 2, first.isKeyword("jti") {
      self = .id(words[1].text)
    } else if words.count == 2, first.isKeyword("sub") {
      self = .subject(words[1].text, before: nil)
    } else if words.count == 4, first.isKeyword("sub"), words[2].isKeyword("before"), !words[3].isQuoted {
      self = .subject(words[1].text, before: try Self.time(words[3].text))
    } else {
      throw Problem("expected: jti ID, sub SUBJECT, or sub SUBJECT before TIME")
    }
  }

  private static func words(of line: ArraySlice<UInt8>) throws(Problem) -> [Word] {
    var words: [Word] = []
    var rest = line.drop(while: isBlank)
    while let first = rest.first, first != UInt8(ascii: "#") {
      let end: Int
      if first == UInt8(ascii: "\"") {
        end = endOfQuoted(rest)
        words.append(Word(text: try quoted(rest[..<end]), isQuoted: true))
        guard end == rest.endIndex || isBlank(rest[end]) else { throw Problem("a blank is missing behind a quote") }
      } else {
        end = rest.firstIndex(where: isBlank) ?? rest.endIndex
        words.append(Word(text: try bare(rest[..<end]), isQuoted: false))
      }
      rest = rest[end...].drop(while: isBlank)
    }
    return words
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

  /// Behind the quote that is not escaped, or the end of the line.
  private static func endOfQuoted(_ text: ArraySlice<UInt8>) -> Int {
    var index = text.startIndex + 1
    while index < text.endIndex {
      switch text[index] {
      case UInt8(ascii: "\""): return index + 1
      case UInt8(ascii: "\\"): index = min(index + 2, text.endIndex)
      default: index += 1
      }
    }
    return index
  }

  private static func quoted(_ text: ArraySlice<UInt8>) throws(Problem) -> String {
    let value: JSONValue
    do { value = try JSONValue.parse(Array(text)) } catch {
      if case .incomplete = error.reason { throw Problem("the closing quote is missing") }
      throw Problem("what stands in quotes is no JSON string: \(error.reason.message)")
    }
    guard let string = value.string else { throw Problem("what stands in quotes is no JSON string") }
    return string
  }

  private static func bare(_ text: ArraySlice<UInt8>) throws(Problem) -> String {
    guard text.allSatisfy({ $0 > 0x20 && $0 != 0x7F && $0 != UInt8(ascii: "#") }) else {
      throw Problem("what has a blank, a # or a control character must stand as a JSON string, in double quotes")
    }
    guard let string = String(validating: text, as: UTF8.self) else { throw Problem("the text is not valid UTF-8") }
    return string
  }

  /// Later than the year 9999 is most likely a time in milliseconds, and would refuse the tokens of centuries.
  private static let latest = 253_402_300_800.0

  private static func time(_ text: String) throws(Problem) -> Double {
    let isNumber = text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == UInt8(ascii: ".") }
    guard let time = RFC3339.seconds(text) ?? (isNumber ? Double(text) : nil) else {
      throw Problem("the time must be RFC 3339, such as 2026-11-28T09:00:00Z, or seconds since 1970")
    }
    guard time < latest else { throw Problem("the time is beyond the year 9999: give seconds, not milliseconds") }
    return time
  }
}
