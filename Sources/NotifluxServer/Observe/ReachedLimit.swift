import Logging

/// The limits somebody can run into. The raw value is the label of its metric: the option's name.
enum ReachedLimit: String, CaseIterable, Sendable {
  case connections = "max_connections"
  case connectionsPerAddress = "max_connections_per_address"
  case httpConnections = "max_http_connections"
  case subscriptions = "max_subscriptions"
  case messageSize = "max_message_size"
  case requestMemory = "max_request_memory"
  case pending = "max_pending"
  /// `publish_rate`, `bad_token_rate` and `bad_token_rate_per_address`.
  case rates

  /// The warning for those that somebody can run into a thousand times a second, so that a tick has one line of it;
  /// `nil` where each time is told by itself.
  var warning: Logger.Message? {
    switch self {
    case .connections: "connections refused: the server is full"
    case .connectionsPerAddress: "connections refused: their address has too many"
    case .httpConnections: "connections closed for newer ones"
    case .requestMemory: "requests given up: those not yet published hold too much memory"
    case .rates: "publishes and subscribes refused: too many"
    case .subscriptions, .messageSize, .pending: nil
    }
  }
}
