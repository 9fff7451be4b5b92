import Glibc
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

  /// Used on the reactor's loop.
  private final class Source: EventSource {
    var events = 0

    override func ready(_ events: UInt32) { self.events += 1 }
  }

  @Test("a source that was retired hears nothing more, although another process has its socket too")
  func retired() async throws {
    let reactor = try Reactor(name: "test", allowsRing: false)
    var ends: [Int32] = [0, 0]
    #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
    let (watched, peer) = (ends[0], ends[1])
    let inherited = dup(watched)  // What a child has between its fork and its exec.
    defer { for descriptor in [inherited, peer] { close(descriptor) } }
    let source = LoopBound(Source(), loop: reactor)
    _ = await reactor.run {
      try? reactor.watch(source.value, descriptor: watched, events: 1)  // EPOLLIN
      reactor.retire(source.value, descriptor: watched)
    }
    #expect(write(peer, "x", 1) == 1)
    // The byte is there before the loop is woken for this, so that both come in one turn.
    for _ in 0..<2 { _ = await reactor.run {} }
    #expect(await reactor.run { source.value.events } == 0)
    await reactor.stop()
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
