/// The metadata keys of every log line, once. None ever carries a token, a key or a message.
enum LogKey {
  static let code = "code"
  /// Which connection: the event loop, and the number of the connection there.
  static let connection = "connection"
  /// The address of the client: behind a trusted proxy, what the proxy says it is.
  static let client = "client"
  static let count = "count"
  /// What lines that were left out would have said.
  static let of = "of"
  static let reason = "reason"
  /// Which request of its connection, from 1 on.
  static let request = "request"
  /// What the client calls the request: its `X-Request-Id`.
  static let requestID = "request_id"
  static let status = "status"
}
