import Synchronization

/// The bytes that requests hold which are incomplete, or large and not published yet, over all workers, and how many
/// they may hold.
final class RequestMemory: Sendable {
  let limit: Int
  private let held = Atomic(0)

  init(limit: Int) { self.limit = limit }

  var value: Int { held.load(ordering: .relaxed) }

  /// Counts `count` more bytes if that is within the limit; each success is to be paired with ``give(_:)``.
  func take(_ count: Int) -> Bool {
    if held.add(count, ordering: .relaxed).newValue <= limit { return true }
    give(count)
    return false
  }

  func give(_ count: Int) { held.subtract(count, ordering: .relaxed) }

  /// Bytes that were taken and are given back when nobody holds this any more.
  final class Share: Sendable {
    private let memory: RequestMemory
    private let count: Int

    init(_ count: Int, of memory: RequestMemory) { (self.memory, self.count) = (memory, count) }

    deinit { memory.give(count) }
  }
}
