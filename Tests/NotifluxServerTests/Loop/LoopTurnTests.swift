import Dispatch
import NIOConcurrencyHelpers
import Testing

@testable import NotifluxServer

@Suite("Whether every event loop turns")
struct LoopTurnTests {
  @Test("is known at once where all do") func turning() async throws {
    try await TestServer.run { test in await test.server.untilEveryLoopHasTurned() }
  }

  @Test("is not known while one hangs") func hanging() async throws {
    try await TestServer.run { test in
      let events = NIOLockedValueBox<[String]>([])
      let workers = test.server.workersForTesting
      let release = DispatchSemaphore(value: 0)
      workers[1].loop.execute { release.wait() }
      let probe = Task {
        await test.server.untilEveryLoopHasTurned()
        events.withLockedValue { $0.append("turned") }
      }
      // The other loop goes on, and long enough for the probe to have passed it.
      for _ in 0..<100 { _ = await workers[0].loop.run {} }
      events.withLockedValue { $0.append("released") }
      release.signal()
      await probe.value
      #expect(events.withLockedValue { $0 } == ["released", "turned"])
    }
  }

  @Test("is no question where none is left") func stopped() async throws {
    try await TestServer.run { test in
      await test.server.stop()
      await test.server.untilEveryLoopHasTurned()
    }
  }
}
