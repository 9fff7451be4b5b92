import Glibc
import NIOConcurrencyHelpers
import Testing

@testable import NotifluxServer

@Suite struct BackgroundThreadsTests {
  @Test("threads have the nice value they were given more than others, and do all jobs before they are stopped")
  func niceness() {
    let own = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
    let seen = NIOLockedValueBox<[Int32]>([])
    let done = NIOLockedValueBox(0)
    let threads = BackgroundThreads<Int>(count: 2, name: "test", niceness: 7) { queue in
      let value = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
      seen.withLockedValue { $0.append(value) }
      while let job = queue.next(waiting: true) { done.withLockedValue { $0 += job } }
    }
    for job in 1...100 { threads.submit(job) }
    while done.withLockedValue({ $0 }) != 5050 { sched_yield() }
    threads.stop()
    #expect(threads.isEmpty)
    #expect(seen.withLockedValue { $0 } == [min(own + 7, 19), min(own + 7, 19)])
  }
}
