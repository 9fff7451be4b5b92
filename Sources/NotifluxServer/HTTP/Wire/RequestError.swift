/// Why what came in is no request; nothing after it on the connection can be understood.
enum RequestError: Error, Equatable {
  /// What is wrong with it, for a person.
  case malformed(String)
  /// The request line alone has more than `Limits.requestHead` bytes.
  case lineTooLong
  /// The head has more than `Limits.requestHead` bytes.
  case headTooLarge
}
