/// When each client is to come back after a drain: spread evenly over the drain time, so that they return in turn and
/// not all at once. Nobody before ``shortest``: who finds no server yet waits for as long again, and an `EventSource`
/// (HTML, §9.2) each time it tries.
struct DrainSchedule: Equatable, Sendable {
  /// Milliseconds; less only where the whole drain time is.
  static let shortest = 100

  private let span: Int
  private let clients: Int

  init(over duration: Duration, clients: Int) {
    let (seconds, attoseconds) = duration.components
    span = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    self.clients = max(clients, 1)
  }

  /// For the client with this index, 0 to `clients` − 1.
  func milliseconds(forClient index: Int) -> Int {
    max(span * (index % clients) / clients, min(Self.shortest, span))
  }
}
