import Testing

@testable import notiflux

@Suite("The check of sequence numbers")
struct SequenceTrackerTests {
  /// What the numbers came to: late ones, doubled ones, missing ones of `sent`.
  private func outcome(
    _ numbers: [Int], sent: SentNumbers, hasEnded: Bool = false
  ) -> (late: Int, doubled: Int, missing: Int) {
    var tracker = SequenceTracker()
    let arrivals = numbers.map { tracker.receive($0) }
    return (
      arrivals.count { $0 == .late }, arrivals.count { $0 == .doubled }, tracker.missing(of: sent, hasEnded: hasEnded)
    )
  }

  @Test(
    "what is lost, doubled and out of order is counted exactly",
    arguments: [
      ([1, 2, 3, 4, 5], 0, 0, 0), ([], 0, 0, 5), ([1, 2, 4, 5], 0, 0, 1), ([2, 3, 4, 5], 0, 0, 1),
      ([1, 2, 3, 4], 0, 0, 1), ([1, 2, 2, 3, 4, 5], 0, 1, 0), ([1, 3, 2, 4, 5], 1, 0, 0),
      ([5, 4, 3, 2, 1], 4, 0, 0), ([1, 3, 2, 2, 5], 1, 1, 1), ([1, 1, 1], 0, 2, 4),
    ] as [([Int], Int, Int, Int)])
  func cases(_ numbers: [Int], late: Int, doubled: Int, missing: Int) {
    let found = outcome(numbers, sent: SentNumbers(last: 5))
    #expect(found == (late, doubled, missing))
  }

  @Test(
    "any order with any drops and repeats comes to what a plain list says", arguments: 1...100 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let last = Int.random(in: 1...60, using: &generator)
    var numbers: [Int] = []
    for number in 1...last {
      switch Int.random(in: 0..<8, using: &generator) {
      case 0: break
      case 1: numbers += [number, number]
      case 2: numbers.insert(number, at: Int.random(in: 0...numbers.count, using: &generator))
      default: numbers.append(number)
      }
    }
    var sent = SentNumbers(last: last)
    for number in 1...last where Int.random(in: 0..<5, using: &generator) == 0 {
      sent.unconfirmed.append(number..<number + 1)
    }
    var (seen, late, doubled) = (Set<Int>(), 0, 0)
    for number in numbers {
      if seen.contains(number) { doubled += 1 } else if number < seen.max() ?? 0 { late += 1 }
      seen.insert(number)
    }
    let unconfirmed = Set(sent.unconfirmed.ranges.joined())
    let wanted = Set(1...last).subtracting(unconfirmed)
    #expect(outcome(numbers, sent: sent) == (late, doubled, wanted.subtracting(seen).count))
    let top = seen.max() ?? 0
    let early = wanted.filter { $0 <= top }
    #expect(outcome(numbers, sent: sent, hasEnded: true).missing == early.subtracting(seen).count)
    var tracker = SequenceTracker()
    for number in numbers { _ = tracker.receive(number) }
    #expect(tracker.expected(of: sent, hasEnded: false) == wanted.count)
    #expect(tracker.expected(of: sent, hasEnded: true) == early.count)
  }

  @Test("with more holes than are remembered the oldest count as missing for good")
  func bounded() {
    var tracker = SequenceTracker()
    let limit = SequenceTracker.holeLimit
    for number in 1...limit + 10 { #expect(tracker.receive(2 * number) == .inOrder) }
    #expect(tracker.missing(of: SentNumbers(last: 2 * (limit + 10)), hasEnded: false) == limit + 10)
    #expect(tracker.receive(1) == .doubled)
    #expect(tracker.receive(2 * limit + 1) == .late)
    #expect(tracker.missing(of: SentNumbers(last: 2 * (limit + 10)), hasEnded: false) == limit + 9)
  }
}
