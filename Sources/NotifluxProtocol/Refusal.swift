/// A refusal as the outside sees it: a code for programs and a text for a person.
///
/// The text says what was wrong and how to mend it, in one line, and never holds a token, a key or a signature.
public struct Refusal: Error, Sendable, Equatable {
  /// Which of the closed list of reasons it is.
  public let code: ErrorCode
  /// One line for a person.
  public let message: String
  /// Seconds after which the same may be accepted, at least 1; `nil` where that is not known.
  public let retryAfter: Int?

  /// A refusal with its code and its one line of text.
  public init(_ code: ErrorCode, _ message: String) {
    self.code = code
    self.message = message
    retryAfter = nil
  }

  /// One that ends after so many seconds, which the text will say too.
  package init(_ code: ErrorCode, _ message: String, retryAfter seconds: Double) {
    let seconds = Int(min(max(seconds.rounded(.up), 1), 1e9))
    self.code = code
    self.message = "\(message); try again in \(seconds) s"
    retryAfter = seconds
  }
}

extension Refusal: CustomStringConvertible {
  /// The text for a person, then the code in parentheses.
  public var description: String { "\(message) (\(code.rawValue))" }
}
