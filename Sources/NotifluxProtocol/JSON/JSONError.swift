/// Why and where some bytes are not JSON as we read it.
package struct JSONError: Error, Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    /// What would have been right, e.g. `',' or '}'`.
    case expected(String)
    /// The bytes end where this was expected.
    case incomplete(String)
    case duplicateMember(String)
    case tooDeep(maximum: Int)
    case tooMany(maximum: Int)
    case controlCharacter
    case invalidEscape
    case unpairedSurrogate
    case invalidUTF8
    case byteOrderMark
    case leadingZero
    case trailingText
  }

  package let reason: Reason
  /// Counted in bytes from the start.
  package let offset: Int

  /// One line for a person, e.g. `expected ',' or '}' at byte 17`.
  package var message: String { "\(reason.message) at byte \(offset)" }
}

extension JSONError.Reason {
  /// What is wrong, without the place.
  package var message: String {
    switch self {
    case .expected(let what): "expected \(what)"
    case .incomplete(let what): "the text ends where \(what) was expected,"
    case .duplicateMember(let name): "duplicate member \(Self.quoted(name))"
    case .tooDeep(let maximum): "arrays and objects are nested more than \(maximum) deep"
    case .tooMany(let maximum): "there are more than \(maximum) values"
    case .controlCharacter: "a control character in a string must be escaped"
    case .invalidEscape: "unknown escape in a string"
    case .unpairedSurrogate: "half of a surrogate pair"
    case .invalidUTF8: "the text is not valid UTF-8"
    case .byteOrderMark: "the text must not start with a byte order mark"
    case .leadingZero: "a number must not start with a needless 0"
    case .trailingText: "more text after the end of the value"
    }
  }

  /// The start of a name from outside, fit for one line of a log: nothing in it moves a cursor or hides.
  private static func quoted(_ name: String) -> String {
    let start = String(name.unicodeScalars.prefix(40))
    return JSONValue.string(start.utf8.count < name.utf8.count ? start + "…" : name).visiblySerialized()
  }
}
