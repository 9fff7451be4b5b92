/// When each client is to come back after a drain: spread evenly over the drain time, so that they return in turn and
/// not all at once.
struct DrainSchedule: Equatable, Sendable {
  private let span: Int
  private let clients: Int

  init(over duration: Duration, clients: Int) {
    let (seconds, attoseconds) = duration.components
    span = Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    self.clients = max(clients, 1)
  }

  /// For the client with this index, 0 to `clients` − 1.
  func milliseconds(forClient index: Int) -> Int { span * (index % clients) / clients }
}
