/// What a ``TimerWheel`` holds: it keeps its own place, so that moving it costs nothing.
protocol TimerWheelEntry: AnyObject {
  var timerPlace: TimerPlace? { get set }
}

/// Where an entry is in its wheel. Twelve bytes: every idle connection has one.
struct TimerPlace {
  fileprivate var bucket: UInt32
  fileprivate var index: UInt32
  /// `.max` for everything after some 68 years of ticks.
  fileprivate var deadline: Int32
}

/// The time-outs of all connections of one event loop, one each, without a timer each: a ring of buckets, one a tick.
/// Pure. Scheduling, moving and cancelling cost O(1); a tick costs what is due in it.
struct TimerWheel<Entry: TimerWheelEntry> {
  private var buckets: [ContiguousArray<Entry>]
  /// The last tick that was advanced to.
  private(set) var now = 0
  private(set) var count = 0

  /// `size` in ticks; deadlines further away are looked at once a round.
  init(size: Int = 64) { buckets = Array(repeating: [], count: size) }

  /// Has `entry` returned by ``advance()`` at the tick `deadline`, at the next one where that has passed; a deadline
  /// it had before is forgotten.
  mutating func schedule(_ entry: Entry, at deadline: Int) {
    if let place = entry.timerPlace, deadline >= nextVisit(of: Int(place.bucket)) {
      // Looked at before it is due, and moved only then: a deadline that is put off all the time costs next to nothing.
      entry.timerPlace?.deadline = Int32(clamping: deadline)
      return
    }
    cancel(entry)
    insert(entry, deadline: deadline, notBefore: now + 1)
  }

  /// The first tick after this one that looks at a bucket.
  private func nextVisit(of bucket: Int) -> Int {
    let next = now + 1
    let distance = bucket - next % buckets.count
    return next + (distance < 0 ? distance + buckets.count : distance)
  }

  mutating func cancel(_ entry: Entry) {
    guard let place = entry.timerPlace else { return }
    entry.timerPlace = nil
    count -= 1
    let (bucket, index) = (Int(place.bucket), Int(place.index))
    let last = buckets[bucket].removeLast()
    if index < buckets[bucket].count {
      buckets[bucket][index] = last
      last.timerPlace?.index = place.index
    }
  }

  /// Goes on by one tick; returns what is due, which is then no longer in the wheel.
  mutating func advance() -> ContiguousArray<Entry> {
    now += 1
    let bucket = now % buckets.count
    var entries: ContiguousArray<Entry> = []
    swap(&entries, &buckets[bucket])
    var due: ContiguousArray<Entry> = []
    for entry in entries {
      guard let place = entry.timerPlace else { continue }
      entry.timerPlace = nil
      count -= 1
      if Int(place.deadline) <= now {
        due.append(entry)
      } else {
        insert(entry, deadline: Int(place.deadline), notBefore: now + 1)
      }
    }
    return due
  }

  /// Everything in the wheel, in no particular order.
  var entries: [Entry] { buckets.flatMap { $0 } }

  private mutating func insert(_ entry: Entry, deadline: Int, notBefore earliest: Int) {
    // `deadline` may be Int.max: never due, but in the wheel all the same.
    let due = max(deadline, earliest)
    let bucket = due % buckets.count
    entry.timerPlace = TimerPlace(
      bucket: UInt32(bucket), index: UInt32(buckets[bucket].count), deadline: Int32(clamping: due))
    buckets[bucket].append(entry)
    count += 1
  }
}
