import Glibc

/// The monotonic clock in nanoseconds: that of the event loops.
enum MonotonicClock {
  static func now() -> Int { read(CLOCK_MONOTONIC) }

  static func read(_ clock: clockid_t) -> Int {
    var time = timespec()
    clock_gettime(clock, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

/// The part of a run that counts for rates and latencies, in nanoseconds on the monotonic clock.
struct MeasuredTime: Sendable, Equatable {
  var from: Int
  var until: Int

  /// None yet.
  static let never = MeasuredTime(from: .max, until: .max)

  func contains(_ time: Int) -> Bool { time >= from && time < until }
  var seconds: Double { Double(max(0, until - from)) / 1e9 }
}
