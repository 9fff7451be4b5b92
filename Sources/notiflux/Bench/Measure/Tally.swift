/// How often each of several things happened that are named when they happen, such as reasons of failures. Keeps
/// ``limit`` names; what comes after those is counted together.
struct Tally: Sendable, Equatable {
  static let limit = 20
  private static let rest = "something else"

  private var counts: [String: Int] = [:]

  mutating func add(_ name: String, _ count: Int = 1) {
    let name = counts[name] != nil || counts.count < Self.limit ? name : Self.rest
    counts[name, default: 0] += count
  }

  mutating func merge(_ other: Tally) { for (name, count) in other.counts { add(name, count) } }

  var total: Int { counts.values.reduce(0, +) }
  var isEmpty: Bool { counts.isEmpty }

  /// The most frequent first, those as frequent by name.
  var rows: [(name: String, count: Int)] {
    counts.map { ($0.key, $0.value) }.sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }
  }
}
