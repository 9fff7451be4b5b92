/// What a ``TimerWheel`` holds: it keeps its own place, so that moving it costs nothing.
protocol TimerWheelEntry: AnyObject {
  var timerPlace: TimerPlace? { get set }
}

/// Where an entry is in its wheel.
struct TimerPlace {
  fileprivate var bucket: Int
  fileprivate var index: Int
  fileprivate var deadline: Int
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
    cancel(entry)
    insert(entry, deadline: deadline, notBefore: now + 1)
  }

  mutating func cancel(_ entry: Entry) {
    guard let place = entry.timerPlace else { return }
    entry.timerPlace = nil
    count -= 1
    let last = buckets[place.bucket].removeLast()
    if place.index < buckets[place.bucket].count {
      buckets[place.bucket][place.index] = last
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
      if place.deadline <= now {
        due.append(entry)
      } else {
        insert(entry, deadline: place.deadline, notBefore: now + 1)
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
    entry.timerPlace = TimerPlace(bucket: bucket, index: buckets[bucket].count, deadline: due)
    buckets[bucket].append(entry)
    count += 1
  }
}
