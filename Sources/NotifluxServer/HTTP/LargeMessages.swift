import NotifluxProtocol

/// What of a large publish would hold an event loop up for milliseconds, done by threads of its own: reading its body,
/// and making the bytes its subscribers get. Shared by all workers.
final class LargeMessages: Sendable {
  private struct Job: Sendable {
    let run: @Sendable () -> Void
  }

  private let threads: BackgroundThreads<Job>

  /// Without threads, the loops do it after all, each job in a task of its own.
  init(threads: Int) {
    self.threads = BackgroundThreads(
      count: threads, name: "large-messages", niceness: Limits.largeMessageNiceness
    ) { queue in
      while let job = queue.next(waiting: true) { job.run() }
    }
  }

  deinit { stop() }

  /// Reads the body of a publish, or a line of a batch. To be called on `loop`, like ``encode(_:for:on:_:)``: `done` runs
  /// there, once, in a later task; never when the loop ends before that. Callers have one job done at a time for a
  /// connection: together with the memory that counts as theirs meanwhile, this is what bounds the queue.
  func read(
    _ body: [UInt8], on loop: any WorkerLoop, _ done: @escaping (Result<BroadcastRequest, Refusal>) -> Void
  ) {
    perform(on: loop, done) {
      // A closure's typed throw does not pass through `withUnsafeBytes`, its result does.
      body.withUnsafeBytes { bytes in Result { () throws(Refusal) in try BroadcastRequest(json: bytes) } }
    }
  }

  /// Makes the bytes of a text in `forms`.
  func encode(
    _ text: String, for forms: Set<WireForm>, on loop: any WorkerLoop, _ done: @escaping (PreparedText) -> Void
  ) {
    perform(on: loop, done) { PreparedText(text, for: forms) }
  }

  /// Returns when the threads have ended. Jobs that wait are dropped.
  func stop() { threads.stop() }

  private func perform<Outcome: Sendable>(
    on loop: any WorkerLoop, _ done: @escaping (Outcome) -> Void, _ work: @escaping @Sendable () -> Outcome
  ) {
    let waiting = LoopBound(Waiting(done), loop: loop)
    let job = Job {
      let outcome = work()
      loop.execute { waiting.value.take(outcome) }
    }
    if threads.isEmpty { loop.execute(job.run) } else { threads.submit(job) }
  }

  /// Who waits for an outcome. What it holds belongs to the loop, so it is let go there, not where the last copy of a
  /// ``Job`` happens to go.
  private final class Waiting<Outcome> {
    private var done: ((Outcome) -> Void)?

    init(_ done: @escaping (Outcome) -> Void) { self.done = done }

    func take(_ outcome: Outcome) {
      let done = done
      self.done = nil
      done?(outcome)
    }
  }
}
