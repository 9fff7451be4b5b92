/// A server in figures, at one time, over all its event loops.
struct Figures: Sendable {
  /// What one loop has to say.
  struct Loop: Sendable {
    var counters: Counters
    var traffic: Traffic
    /// Messages handed to live subscribers, each once a subscriber.
    var delivered: Int
    var subscriptions: Int
  }

  let version: String
  /// All loops together.
  let loops: Loop
  let loopCount: Int
  /// Connections that are no subscription (yet), those that are WebSockets, and streams of events.
  let httpConnections: Int
  let webSockets: Int
  let eventStreams: Int
  let connectionLimit: Int
  /// With a subscriber.
  let topics: Int
  let hub: Hub.Figures
  let requestMemory: Int
  let rememberedTokens: Int
  let isReady: Bool
  let reloads: Reloads.Counts
  /// Seconds since 1970; `nil` without TLS.
  let certificateEnd: Int?
  let process: ProcessFigures
}

extension Figures.Loop {
  static let zero = Figures.Loop(counters: Counters(), traffic: Traffic(), delivered: 0, subscriptions: 0)

  mutating func add(_ other: Self) {
    counters.add(other.counters)
    traffic.received += other.traffic.received
    traffic.sent += other.traffic.sent
    delivered += other.delivered
    subscriptions += other.subscriptions
  }
}
