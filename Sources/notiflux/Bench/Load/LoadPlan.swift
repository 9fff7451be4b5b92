import NotifluxClient

/// What all threads of a run share and nothing changes.
struct LoadPlan: Sendable {
  var endpoint: Endpoint
  var configuration: ClientConfiguration
  var topics: BenchTopics
  var format: MessageFormat
  /// Of all threads together.
  var publishers: Int
  /// Tokens to publish with, as ``BenchTopics/tokens(_:from:)`` makes them.
  var publishTokens: [String]
  /// Messages a second of all publishers; `nil` when each sends its next one on the answer to the last.
  var rate: Int?
  var preferredMode: SocketHandshake.Mode
  /// How long one connection may take until it is subscribed, and one answer to come; nanoseconds.
  var timeout: Int
}

/// One subscriber that is to be.
struct SubscriberJob: Sendable {
  let topic: Int
  let token: String
}
