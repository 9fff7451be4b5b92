/// Why the server closed a connection that had done something for it. The raw value is the label of its metric and what
/// the log says.
enum CloseCause: String, CaseIterable, Sendable {
  /// It read too slowly for what it subscribed to (`--max-pending`).
  case slowConsumer = "slow_consumer"
  /// A WebSocket without any frame for 30 s.
  case silence
  /// A request that was not complete in time.
  case lateRequest = "late_request"
  /// What was sent is no HTTP or no WebSocket protocol, or more than is allowed.
  case protocolError = "protocol_error"
  /// `--max-http-connections`: another one needed its place.
  case displaced
  /// The token that it subscribed with was revoked (`--revoked`).
  case revoked
  /// `--max-request-memory`, in the middle of an answer.
  case requestMemory = "request_memory"
}
