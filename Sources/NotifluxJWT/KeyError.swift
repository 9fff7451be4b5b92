/// Why a key cannot be read, made or used: one line for a person, which never holds any part of a key.
public struct KeyError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What was wrong and how to mend it.
  public let message: String

  /// The message.
  public var description: String { message }

  init(_ message: String) {
    self.message = message
  }

  init(_ doing: String, _ error: OpenSSLError) {
    message = "\(doing): \(error.reason)"
  }
}
