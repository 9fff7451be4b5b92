/// Where and why a revocation list cannot be read: for a person, quoting nothing of the list.
public struct RevocationError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Counted from 1.
  public let line: Int
  /// What was wrong and how to mend it.
  public let message: String

  /// The line's number and the message.
  public var description: String { "line \(line): \(message)" }
}
