import Testing

@testable import NotifluxServer

@Suite("Rates")
struct RateBucketTests {
  @Test("a bucket says what a level that is refilled step by step would", arguments: 1...20)
  func model(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    // Powers of two, so that all of it is exact.
    let limit = RateLimit(
      perSecond: [0.25, 1, 4, 64].randomElement(using: &random) ?? 1,
      burst: Double(Int.random(in: 1...8, using: &random)))
    var bucket = RateBucket()
    var (now, level) = (1024.0, limit.burst)
    var refusals = 0
    for _ in 0..<2000 {
      let step = Double(Int.random(in: 0...64, using: &random)) / 64 / limit.perSecond
      now += step
      level = min(limit.burst, level + step * limit.perSecond)
      let wait = bucket.wait(under: limit, now: now)
      #expect(max(wait, 0) == max(1 - level, 0) / limit.perSecond)
      #expect(bucket.isFull(now: now) == (level == limit.burst))
      guard wait <= 0 else {
        refusals += 1
        continue
      }
      let count = Int.random(in: 1...3, using: &random)
      bucket.take(count, under: limit, now: now)
      level -= Double(count)
    }
    #expect(refusals > 0)
  }

  @Test("without a burst there are as many at once as in a second, at least one")
  func burst() {
    #expect(RateLimit(perSecond: 20).burst == 20)
    #expect(RateLimit(perSecond: 0.1).burst == 1)
    #expect(RateLimit(perSecond: 20, burst: 3).burst == 3)
  }
}

@Suite("The table of buckets")
struct BucketTableTests {
  private let limit = RateLimit(perSecond: 1, burst: 2)

  @Test("a bucket stays while it has something to say or somebody holds it, and goes then")
  func lifetime() {
    var table = BucketTable<Int>(capacity: 10)
    var held: SharedBucket? = table.findOrAdd(1, now: 0)
    table.findOrAdd(2, now: 0).bucket.take(2, under: limit, now: 0)
    _ = table.findOrAdd(3, now: 0)
    #expect(table.findOrAdd(1, now: 0) === held)
    table.sweep(now: 1, limit: 100)
    #expect(table.bucket(for: 1) === held && table.bucket(for: 2) != nil && table.bucket(for: 3) == nil)
    held = nil
    table.sweep(now: 2, limit: 100)
    #expect(table.count == 0)
  }

  @Test("it holds no more than its capacity, and those that are worth something longest")
  func bounded() {
    var table = BucketTable<Int>(capacity: 100)
    for key in 0..<99 { table.findOrAdd(key, now: 0).bucket.take(1000, under: limit, now: 0) }
    _ = table.findOrAdd(99, now: 0)
    for key in 100..<200 {
      _ = table.findOrAdd(key, now: 1)
      #expect(table.count == 100 && table.bucket(for: key) != nil)
    }
    let kept = (0..<99).filter { table.bucket(for: $0) != nil }.count
    #expect(kept >= 85, "the others were looked at in vain too often")
  }

  @Test("for one too many, one that is worth nothing goes")
  func worthlessGoFirst() {
    var table = BucketTable<Int>(capacity: 100)
    func isWorthless(_ key: Int) -> Bool { key < 100 && key % 4 == 0 }
    for key in 0..<120 {
      let shared = table.findOrAdd(key, now: 0)
      if !isWorthless(key) { shared.bucket.take(1, under: limit, now: 0) }
    }
    #expect(table.count == 100)
    #expect((0..<120).allSatisfy { isWorthless($0) || table.bucket(for: $0) != nil })
  }

  @Test("whatever is added, held and swept, it finds what a plain dictionary would")
  func model() {
    var random = SeededGenerator(seed: 3)
    var table = BucketTable<Int>(capacity: 1000)
    var model: [Int: SharedBucket] = [:]  // Holds all, so that none goes.
    for _ in 0..<20000 {
      let key = Int.random(in: 0..<200, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        let bucket = table.findOrAdd(key, now: 0)
        #expect(model[key] == nil || model[key] === bucket)
        model[key] = bucket
      case 1:
        model[key] = nil  // May go now, but not before a sweep.
      case 2: table.sweep(now: 0, limit: Int.random(in: 0..<50, using: &random))
      default: if let held = model[key] { #expect(table.bucket(for: key) === held) }
      }
    }
    table.sweep(now: 0, limit: 1000)
    table.sweep(now: 0, limit: 1000)
    #expect(table.count == model.count)
    #expect(model.allSatisfy { table.bucket(for: $0) === $1 })
  }
}
