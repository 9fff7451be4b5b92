import Testing

@testable import NotifluxServer

@Suite struct ReactorTests {
  /// Used on the reactor's loop.
  private final class Diary: @unchecked Sendable {
    var turn = 0
    var isWatching = true
    /// In which turn each spread task ran.
    var runs: [(task: Int, turn: Int)] = []
    var refused = 0
  }

  @Test("tasks that are spread run in order, a few a turn, and too many are refused")
  func spread() async throws {
    let reactor = try Reactor(name: "test", allowsRing: false)
    let diary = Diary()
    @Sendable func countTurns() {
      diary.turn += 1
      if diary.isWatching { reactor.executeIsolated(countTurns) }
    }
    _ = await reactor.run {
      for task in 0..<40 where !reactor.spread({ diary.runs.append((task, diary.turn)) }) { diary.refused += 1 }
      countTurns()
    }
    var done = false
    while !done { done = await reactor.run { diary.runs.count + diary.refused >= 40 } ?? true }
    _ = await reactor.run { diary.isWatching = false }
    await reactor.stop()
    #expect(diary.runs.map(\.task) == Array(0..<32))
    #expect(diary.refused == 8)
    let perTurn = Dictionary(grouping: diary.runs, by: \.turn).mapValues(\.count)
    #expect(perTurn.count == 8)
    #expect(perTurn.values.allSatisfy { $0 == 4 })
  }

  @Test("a loop with nothing but spread tasks does not sleep before they have run")
  func doesNotSleep() async throws {
    let reactor = try Reactor(name: "test", allowsRing: false)
    let runs = await withCheckedContinuation { continuation in
      reactor.execute {
        let diary = Diary()
        for task in 0..<20 {
          _ = reactor.spread {
            diary.runs.append((task, 0))
            if task == 19 { continuation.resume(returning: diary.runs.count) }
          }
        }
      }
    }
    #expect(runs == 20)
    await reactor.stop()
  }
}
