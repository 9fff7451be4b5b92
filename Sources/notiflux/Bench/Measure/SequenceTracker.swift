/// What one subscriber got of one stream of messages that are numbered from 1 on: exactly which are missing, and what came
/// twice or late.
///
/// Remembers at most ``holeLimit`` holes; a number that comes so late that its hole was forgotten counts as missing and
/// as doubled.
struct SequenceTracker: Sendable, Equatable {
  enum Arrival: Sendable, Equatable {
    /// The next one, or one after a hole.
    case inOrder
    /// It was overtaken by later ones.
    case late
    /// It was there before.
    case doubled
  }

  static let holeLimit = 4096

  /// All below have come, but for the holes.
  private var next = 1
  private var holes = NumberSet()
  /// Numbers in holes that are no longer remembered.
  private var forgotten = 0

  @inline(__always)
  mutating func receive(_ number: Int) -> Arrival {
    if number == next {
      next += 1
      return .inOrder
    }
    return receiveOutOfTurn(number)
  }

  private mutating func receiveOutOfTurn(_ number: Int) -> Arrival {
    guard number > next else { return holes.remove(number) ? .late : .doubled }
    holes.append(next..<number)
    next = number + 1
    if holes.ranges.count > Self.holeLimit { forgotten += holes.removeFirstRange().count }
    return .inOrder
  }

  /// How many messages had to come. Of a subscriber whose connection has ended, those after the last that came are not
  /// expected.
  func expected(of sent: SentNumbers, hasEnded: Bool) -> Int {
    let end = end(of: sent, hasEnded)
    return end - 1 - sent.unconfirmed.count(in: 1..<end)
  }

  /// How many of the expected messages did not come.
  func missing(of sent: SentNumbers, hasEnded: Bool) -> Int {
    let end = end(of: sent, hasEnded)
    let tail = min(next, end)..<end
    return forgotten + holes.count(in: 1..<end) - holes.count(in: sent.unconfirmed) + tail.count
      - sent.unconfirmed.count(in: tail)
  }

  private func end(of sent: SentNumbers, _ hasEnded: Bool) -> Int {
    hasEnded ? min(next, sent.last + 1) : sent.last + 1
  }
}

/// What a publisher sent of one stream.
struct SentNumbers: Sendable, Equatable {
  /// They go from 1 to here.
  var last = 0
  /// Those without an answer that says they were accepted: they may come or not.
  var unconfirmed = NumberSet()
}
