import NotifluxClient

/// Opens the connections of one thread's subscribers, so many at once and each when it is due. Confined to its event loop.
final class ConnectionOpener {
  private unowned let thread: GeneratorThread
  private let jobs: [SubscriberJob]
  private let concurrency: Int
  private let schedule: SendSchedule?
  private var begun = 0
  private(set) var done = 0
  private(set) var firstError: ClientError?
  private var isOpening = false
  private var isWaiting = false

  init(thread: GeneratorThread, jobs: [SubscriberJob], concurrency: Int, schedule: SendSchedule?) {
    self.thread = thread
    self.jobs = jobs
    self.concurrency = concurrency
    self.schedule = schedule
  }

  var isDone: Bool { done == begun && (begun == jobs.count || thread.control.isEnding) }

  func openMore() {
    // A connection that fails at once comes back here.
    guard !isOpening else { return }
    isOpening = true
    defer { isOpening = false }
    while begun - done < concurrency, begun < jobs.count, !isWaiting, !thread.control.isEnding {
      let now = MonotonicClock.now()
      let due = schedule?.due(begun, of: thread.index) ?? now
      guard due <= now else { return wait(until: due) }
      let job = jobs[begun]
      begun += 1
      let subscriber = SubscriberConnection(job: job, thread: thread, begunAt: due)
      subscriber.open { self.settled(subscriber, $0) }
    }
  }

  private func wait(until due: Int) {
    isWaiting = true
    thread.at(due) { _ in
      self.isWaiting = false
      self.openMore()
    }
  }

  private func settled(_ subscriber: SubscriberConnection, _ error: ClientError?) {
    done += 1
    thread.figures.connections.firstBegun = min(thread.figures.connections.firstBegun, subscriber.begunAt)
    thread.figures.connections.lastDone = MonotonicClock.now()
    if let error {
      firstError = firstError ?? error
      thread.figures.connections.failures.add("\(error)")
    } else {
      thread.hold(subscriber)
    }
    openMore()
  }
}
