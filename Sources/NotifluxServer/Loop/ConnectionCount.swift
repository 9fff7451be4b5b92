import Synchronization

/// How many connections there are, over all workers, and how many there may be.
final class ConnectionCount: Sendable {
  let limit: Int
  private let current = Atomic(0)

  init(limit: Int) { self.limit = limit }

  var value: Int { current.load(ordering: .relaxed) }

  /// Counts one more, unless the limit is reached. Each success is to be paired with ``leave()``.
  func enter() -> Bool {
    if current.add(1, ordering: .relaxed).newValue <= limit { return true }
    leave()
    return false
  }

  func leave() { current.subtract(1, ordering: .relaxed) }
}
