/// How often something took how long, in buckets. Pure; recording costs some nanoseconds and no memory.
struct LatencyHistogram: Sendable, Equatable {
  /// The buckets' upper bounds in seconds, each inclusive; one more bucket has none.
  static let bounds = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  ]

  /// How many fell into each bucket alone.
  private(set) var counts = [Int](repeating: 0, count: bounds.count + 1)
  /// Seconds of all together.
  private(set) var sum = 0.0

  var count: Int { counts.reduce(0, +) }

  mutating func record(_ seconds: Double) {
    sum += seconds
    counts[Self.bucket(of: seconds)] += 1
  }

  /// Nearly all are in the first few, which are found without a look at the list.
  private static func bucket(of seconds: Double) -> Int {
    if seconds <= 0.0001 { return 0 }
    if seconds <= 0.00025 { return 1 }
    if seconds <= 0.0005 { return 2 }
    return bounds.firstIndex { seconds <= $0 } ?? bounds.count
  }

  mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    sum += other.sum
  }
}
