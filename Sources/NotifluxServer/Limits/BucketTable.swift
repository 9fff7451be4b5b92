/// A ``RateBucket`` that several hold.
///
/// `@unchecked Sendable`: `bucket` is touched under the lock that guards its table.
final class SharedBucket: @unchecked Sendable {
  var bucket = RateBucket()
}

/// The buckets of senders, by what names them: pure, and bounded. One that is full and held by nobody else is worth
/// nothing and goes in time; where there is no room, one goes before its time. Every operation is O(1).
struct BucketTable<Key: Hashable & Sendable> {
  private let capacity: Int
  /// Without holes: where one goes, the last takes its place.
  private var entries: [(key: Key, bucket: SharedBucket)] = []
  private var places: [Key: Int] = [:]
  /// Where the search for buckets to let go goes on.
  private var hand = 0

  init(capacity: Int) { self.capacity = capacity }

  var count: Int { entries.count }

  /// The bucket of `key`, if it has one.
  func bucket(for key: Key) -> SharedBucket? { places[key].map { entries[$0].bucket } }

  /// The bucket of `key`, a new one if it has none.
  mutating func findOrAdd(_ key: Key, now: Double) -> SharedBucket {
    if let bucket = bucket(for: key) { return bucket }
    if count >= capacity { makeRoom(now: now) }
    let bucket = SharedBucket()
    places[key] = count
    entries.append((key, bucket))
    return bucket
  }

  /// Looks at the next `limit` buckets and lets go of those that are worth nothing.
  mutating func sweep(now: Double, limit: Int) {
    for _ in 0..<min(limit, count) where !entries.isEmpty {
      if isWorthless(at: step(), now: now) { remove(at: hand) } else { hand += 1 }
    }
  }

  private mutating func makeRoom(now: Double) {
    for _ in 0..<AuthLimits.secondChances {
      if isWorthless(at: step(), now: now) { break }
      hand += 1
    }
    remove(at: step())
  }

  private mutating func step() -> Int {
    if hand >= entries.count { hand = 0 }
    return hand
  }

  private mutating func isWorthless(at place: Int, now: Double) -> Bool {
    isKnownUniquelyReferenced(&entries[place].bucket) && entries[place].bucket.bucket.isFull(now: now)
  }

  private mutating func remove(at place: Int) {
    places[entries[place].key] = nil
    let last = entries.removeLast()
    guard place < entries.count else { return }
    entries[place] = last
    places[last.key] = place
  }
}
