import Glibc

/// The machine's clocks, and the name a new log takes from one.
enum SystemClock {
  /// The wall clock, which can be set back: for tokens and dates.
  @Sendable static func secondsSince1970() -> Double { read(CLOCK_REALTIME) }

  /// A clock that never goes back: for everything that lasts.
  @Sendable static func uptime() -> Double { read(CLOCK_MONOTONIC) }

  /// When the machine began, in seconds since 1970. /proc/stat says so too, but a service may not be allowed to see it.
  static func bootTime() -> Double { read(CLOCK_REALTIME) - read(CLOCK_BOOTTIME) }

  /// A name no other run has: 60 random bits, in ten characters that cursors may hold.
  static func newEpoch() -> String {
    let alphabet = Array("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
    return String((0..<10).map { _ in alphabet[Int.random(in: 0..<64)] })
  }

  private static func read(_ clock: clockid_t) -> Double {
    var time = timespec()
    clock_gettime(clock, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}
