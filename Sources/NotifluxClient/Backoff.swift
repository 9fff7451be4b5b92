/// How long to wait before the next attempt: exponential with full jitter, so that a thousand clients that lost one
/// server do not come back in the same instant.
struct Backoff: Sendable {
  /// The bound of the first wait.
  var base: Duration
  /// The most the bound grows to.
  var cap: Duration

  /// A random wait between zero and `base · 2^failures`, or `cap` if that is less. `failures` counts those before the
  /// one that is waited for now.
  func delay(failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
    var bound = min(base, cap)
    var doublings = failures
    while doublings > 0, bound > .zero, bound < cap {
      bound = min(bound * 2, cap)
      doublings -= 1
    }
    return bound * Double.random(in: 0...1, using: &generator)
  }
}
