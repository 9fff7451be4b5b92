import Testing

@testable import NotifluxServer

@Suite struct DrainScheduleTests {
  @Test("returns are spread evenly over the drain time")
  func even() {
    let schedule = DrainSchedule(over: .seconds(10), clients: 4)
    #expect((0..<4).map(schedule.milliseconds(forClient:)) == [100, 2500, 5000, 7500])
  }

  @Test("nobody is sent back so soon that waiting for a new server becomes a flood, however many there are")
  func shortest() {
    let schedule = DrainSchedule(over: .seconds(10), clients: 10_000)
    let returns = (0..<10_000).map(schedule.milliseconds(forClient:))
    #expect(returns == Array(repeating: 100, count: 100) + Array(100..<10_000))
    #expect(DrainSchedule(over: .milliseconds(30), clients: 10).milliseconds(forClient: 0) == 30)
  }

  @Test("nobody is sent back after the drain time, even one that was not counted")
  func bounded() {
    let schedule = DrainSchedule(over: .milliseconds(500), clients: 3)
    #expect((0..<100).allSatisfy { schedule.milliseconds(forClient: $0) <= 500 })
    #expect(DrainSchedule(over: .zero, clients: 0).milliseconds(forClient: 9) == 0)
  }
}
