/// The metadata keys of every log line, once. None ever carries a token, a key or a message.
enum LogKey {
  static let address = "address"
  static let code = "code"
  static let connections = "connections"
  static let count = "count"
  static let limit = "limit"
  static let reason = "reason"
  static let route = "route"
  static let status = "status"
  static let workers = "workers"
  static let keys = "keys"
}
