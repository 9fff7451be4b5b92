import Testing

@testable import NotifluxServer

@Suite struct TimerWheelTests {
  private final class Entry: TimerWheelEntry {
    var timerPlace: TimerPlace?
    let name: Int
    init(_ name: Int) { self.name = name }
  }

  @Test("entries come out at their deadline, and past ones at the next tick")
  func deadlines() {
    var wheel = TimerWheel<Entry>(size: 8)
    let entries = (0..<4).map(Entry.init)
    wheel.schedule(entries[0], at: 3)
    wheel.schedule(entries[1], at: 0)
    wheel.schedule(entries[2], at: 20)
    wheel.schedule(entries[3], at: .max)
    let due = (1...20).map { _ in wheel.advance().map(\.name) }
    #expect(due[0] == [1])
    #expect(due[2] == [0])
    #expect(due[19] == [2])
    #expect(due.flatMap { $0 }.count == 3)
    #expect(wheel.count == 1)
    #expect(wheel.entries.map(\.name) == [3])
  }

  @Test("whatever is scheduled, moved and cancelled, it returns what a plain table of deadlines would")
  func model() {
    var random = SeededGenerator(seed: 7)
    var wheel = TimerWheel<Entry>(size: 16)
    let entries = (0..<50).map(Entry.init)
    var model: [Int: Int] = [:]
    for _ in 0..<20000 {
      let entry = entries.randomElement(using: &random) ?? entries[0]
      switch Int.random(in: 0..<6, using: &random) {
      case 0..<3:
        let deadline = wheel.now + Int.random(in: -2...50, using: &random)
        wheel.schedule(entry, at: deadline)
        model[entry.name] = max(deadline, wheel.now + 1)
      case 3:
        wheel.cancel(entry)
        model[entry.name] = nil
      default:
        let due = Set(wheel.advance().map(\.name))
        #expect(due == Set(model.filter { $0.value <= wheel.now }.keys))
        model = model.filter { $0.value > wheel.now }
      }
      #expect(wheel.count == model.count)
      #expect(Set(wheel.entries.map(\.name)) == Set(model.keys))
    }
  }
}
