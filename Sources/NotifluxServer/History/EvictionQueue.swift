/// All retained messages of all topics, oldest first: the order in which age and bytes let them go. A message its topic
/// let go before its turn stays as a dead entry, until it comes to the front or more than half of the queue is dead.
struct EvictionQueue {
  struct Entry {
    let sequence: UInt64
    /// Seconds of the log's clock when the message came.
    let time: Double
    var slot: Int32
  }

  private var entries = Ring<Entry>()
  private var dead = 0

  /// Entries, dead ones included.
  var count: Int { entries.count }
  var capacity: Int { entries.capacity }

  mutating func append(_ entry: Entry) { entries.append(entry) }

  /// The oldest message still retained. Dead entries before it are dropped.
  mutating func first<Payload>(in topics: RetainedTopics<Payload>) -> Entry? {
    while let entry = entries.first {
      if Self.isAlive(entry, in: topics) { return entry }
      entries.removeFirst()
      dead -= 1
    }
    return nil
  }

  mutating func removeFirst() { entries.removeFirst() }

  /// Says that a message anywhere in the queue has been let go by its topic.
  mutating func oneDied<Payload>(in topics: RetainedTopics<Payload>) {
    dead += 1
    guard dead > 32, dead * 2 > entries.count else { return }
    entries.rewrite { Self.isAlive($0, in: topics) ? $0 : nil }
    dead = 0
  }

  /// Follows a move of the topics to other slots, -1 for a slot that was free.
  mutating func follow(_ moved: ContiguousArray<Int32>, _ isAlive: (Entry) -> Bool) {
    entries.rewrite { entry in
      guard isAlive(entry) else { return nil }
      var entry = entry
      entry.slot = moved[Int(entry.slot)]
      return entry
    }
    dead = 0
  }

  /// A topic lets its oldest message go first, and whoever takes over its slot begins with all lost that it had.
  static func isAlive<Payload>(_ entry: Entry, in topics: RetainedTopics<Payload>) -> Bool {
    topics.lostThrough(entry.slot) < entry.sequence
  }
}

extension EvictionQueue: Sendable {}
extension EvictionQueue.Entry: Sendable {}
