import Testing

@testable import notiflux

@Suite("The schedule of sending")
struct SendScheduleTests {
  @Test("the publishers take turns at even distances, at exactly the rate", arguments: 1...30 as ClosedRange<UInt64>)
  func even(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let rate = Int.random(in: 1...3_000, using: &generator)
    let publishers = Int.random(in: 1...20, using: &generator)
    let schedule = SendSchedule(rate: rate, publishers: publishers, start: 5_000)
    let count = 3 * rate / publishers * publishers
    let dues = (0..<count).map { schedule.due($0 / publishers, of: $0 % publishers) }
    #expect(dues.first == 5_000)
    for (index, due) in dues.enumerated() where index % 97 == 0 {
      #expect(abs(Double(due - 5_000) - Double(index) * 1e9 / Double(rate)) < 1)
    }
    #expect(zip(dues, dues.dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test("a whole number of seconds is a whole number of turns, however long it takes")
  func exact() {
    let schedule = SendSchedule(rate: 7, publishers: 1, start: 0)
    #expect(schedule.due(7 * 1_000_000, of: 0) == 1_000_000 * 1_000_000_000)
  }
}
