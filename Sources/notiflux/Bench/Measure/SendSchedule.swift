/// When each message is due: `rate` a second over all publishers, evenly, the publishers taking turns.
///
/// Late messages do not move those after them, so that what is measured from the due time includes every wait behind a
/// slow answer (no coordinated omission).
struct SendSchedule: Sendable, Equatable {
  /// Messages a second of all publishers together, at least 1.
  let rate: Int
  let publishers: Int
  /// Nanoseconds on the monotonic clock.
  var start: Int

  /// The due time of a publisher's message; both count from 0.
  func due(_ message: Int, of publisher: Int) -> Int {
    let (seconds, rest) = (message * publishers + publisher).quotientAndRemainder(dividingBy: rate)
    return start + seconds * 1_000_000_000 + rest * 1_000_000_000 / rate
  }
}
