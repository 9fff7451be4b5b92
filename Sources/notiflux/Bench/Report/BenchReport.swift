import NotifluxClient

/// What a run of `notiflux bench` found out.
struct BenchReport: Sendable {
  enum Kind: String, Sendable { case fanout, publish, connect }

  /// What was asked for.
  struct Load: Sendable {
    var kind: Kind
    var endpoint: Endpoint
    var subscribers = 0
    var topics = 1
    var publishers = 0
    /// Messages, or connections, a second; 0: as fast as the answers come.
    var rate = 0
    var size = 0
    var threads = 1
  }

  var load: Load
  var figures: ThreadFigures
  /// Seconds for which messages were measured.
  var seconds: Double
  /// Deliveries that had to come, and those of them that did not, in the whole run.
  var expected = 0
  var lost = 0
  var generator: GeneratorLoad
  var wasInterrupted = false

  /// What makes the run no success, each with how often it happened.
  var faults: [(name: String, count: Int)] {
    [
      ("lost", lost), ("doubled", figures.doubled), ("out of order", figures.reordered),
      ("on another topic", figures.strayed), ("gaps", figures.gaps),
      ("publishes failed", figures.publishErrors.total), ("connections failed", figures.connections.failures.total),
      ("connections closed", figures.connections.closed.total),
    ].filter { $0.1 > 0 }
  }

  var hasPassed: Bool { faults.isEmpty }

  /// The share of what `--rate` asked for that was sent, where that is noticeably less.
  var shortfall: Double? {
    guard load.rate > 0, load.kind != .connect, seconds > 0 else { return nil }
    let share = Double(figures.published.measured) / seconds / Double(load.rate)
    return share < 0.98 ? share : nil
  }

  /// Connections that were subscribed a second, from the first begun to the last done.
  var connectionsPerSecond: Double? {
    let connections = figures.connections
    guard connections.subscribed > 0, connections.lastDone > connections.firstBegun else { return nil }
    return Double(connections.subscribed) * 1e9 / Double(connections.lastDone - connections.firstBegun)
  }

  func perSecond(_ count: Int) -> Double? { seconds > 0 ? Double(count) / seconds : nil }

  /// The agreed protocol; several where the server could not make up its mind.
  var mode: String { figures.connections.modes.rows.map(\.name).joined(separator: ", ") }
}
