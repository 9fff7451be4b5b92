/// A count for each case of a closed list.
struct Counts<Key: CaseIterable & Hashable & Sendable>: Sendable, Equatable {
  private var counts: [Key: Int] = [:]

  subscript(key: Key) -> Int {
    get { counts[key, default: 0] }
    set { counts[key] = newValue }
  }

  mutating func add(_ other: Counts) { counts.merge(other.counts, uniquingKeysWith: +) }

  /// By how much each has risen since it was `before`.
  func risen(since before: Counts) -> [(key: Key, by: Int)] {
    Key.allCases.map { ($0, self[$0] - before[$0]) }.filter { $0.by > 0 }
  }
}
