/// How often something may happen: `perSecond` in the long run, `burst` times at once.
public struct RateLimit: Sendable, Equatable {
  /// Times a second, more than 0; may be a fraction.
  public var perSecond: Double
  /// Times at once after a while without any, at least 1.
  public var burst: Double

  /// Without `burst` as many at once as in a second, at least one.
  public init(perSecond: Double, burst: Double? = nil) {
    self.perSecond = perSecond
    self.burst = max(1, burst ?? perSecond)
  }
}

/// What one sender has used of a ``RateLimit``: a token bucket kept as one number, the time at which it is full again
/// (GCRA, ITU-T I.371). Pure; times are seconds of a clock that never goes back.
struct RateBucket: Sendable {
  private var fullAt = 0.0

  /// Seconds until something may happen; 0 or less: now.
  func wait(under limit: RateLimit, now: Double) -> Double { fullAt - now - (limit.burst - 1) / limit.perSecond }

  /// Counts `count` times that happen now. They may be more than are left: later ones wait the longer.
  mutating func take(_ count: Int, under limit: RateLimit, now: Double) {
    fullAt = max(fullAt, now) + Double(count) / limit.perSecond
  }

  /// Whether it says no more than a new one.
  func isFull(now: Double) -> Bool { fullAt <= now }
}
