import NotifluxProtocol

/// Remembers for a while which idempotency keys a topic has seen, and the number each message got. Pure; the clock is
/// the caller's. Holds at most `capacity` keys: beyond that the oldest go before their time.
struct IdempotencyWindow {
  private struct Key: Hashable {
    let topic: Topic
    let id: [UInt8]
  }

  private let lifetime: Double
  private let capacity: Int
  private var sequences: [Key: UInt64] = [:]
  /// In the order of `expires`, which is that of arrival; `[first...]` are alive.
  private var arrivals: ContiguousArray<(key: Key, expires: Double)> = []
  private var first = 0

  /// `lifetime` in seconds.
  init(lifetime: Double, capacity: Int = 1_000_000) {
    self.lifetime = lifetime
    self.capacity = capacity
  }

  var count: Int { sequences.count }

  /// The number of the message that first came with `id` on `topic`; `nil` when none did within the lifetime.
  mutating func sequence(topic: Topic, id: String, now: Double) -> UInt64? {
    expire(now: now)
    return sequences[Key(topic: topic, id: Array(id.utf8))]
  }

  mutating func record(topic: Topic, id: String, sequence: UInt64, now: Double) {
    let key = Key(topic: topic, id: Array(id.utf8))
    sequences[key] = sequence
    arrivals.append((key, now + lifetime))
    if sequences.count > capacity { removeFirst() }
  }

  private mutating func expire(now: Double) {
    while first < arrivals.count, arrivals[first].expires <= now { removeFirst() }
    // Moving what is left is paid for by what was removed.
    if first > 64, first * 2 > arrivals.count {
      arrivals.removeSubrange(..<first)
      first = 0
    }
  }

  private mutating func removeFirst() {
    sequences[arrivals[first].key] = nil
    first += 1
  }
}
