/// Why a token cannot be made: one line for a person.
public struct TokenError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was wrong and how to mend it.
  public let message: String

  /// The message.
  public var description: String { message }

  init(_ message: String) {
    self.message = message
  }
}
