import NotifluxProtocol

/// Reads the large bodies of publishes on threads of its own: an event loop would stand still for milliseconds
/// meanwhile. Shared by all workers.
final class BodyReader: Sendable {
  typealias Outcome = Result<BroadcastRequest, Refusal>

  private let threads: BackgroundThreads<Reading>

  /// Without threads, bodies are read by the loops after all, each in a task of its own.
  init(threads: Int) {
    self.threads = BackgroundThreads(
      count: threads, name: "body-reader", niceness: Limits.bodyReaderNiceness
    ) { queue in
      while let reading = queue.next(waiting: true) { reading.perform() }
    }
  }

  deinit { stop() }

  /// To be called on `loop`: reads `body`, of which all bytes are counted in `memory` and given back to it then. `done`
  /// runs on `loop`, once, in a later task; never when the loop ends before that. Callers have one body read at a time
  /// for a connection: together with the memory this is what bounds the queue.
  func read(
    _ body: [UInt8], countedIn memory: RequestMemory, on loop: any WorkerLoop, _ done: @escaping (Outcome) -> Void
  ) {
    let reading = Reading(body: body, memory: memory, loop: loop, waiting: LoopBound(Waiting(done), loop: loop))
    if threads.isEmpty { loop.execute { reading.perform() } } else { threads.submit(reading) }
  }

  /// Returns when the threads have ended. Bodies that wait are dropped.
  func stop() { threads.stop() }

  /// A body that is to be read, on whichever thread.
  private struct Reading: Sendable {
    let body: [UInt8]
    let memory: RequestMemory
    let loop: any WorkerLoop
    let waiting: LoopBound<Waiting>

    func perform() {
      // A closure's typed throw does not pass through `withUnsafeBytes`, its result does.
      let outcome = body.withUnsafeBytes { bytes in
        Result { () throws(Refusal) in try BroadcastRequest(json: bytes) }
      }
      memory.give(body.count)
      let waiting = waiting
      loop.execute { waiting.value.take(outcome) }
    }
  }

  /// Who waits for a body. What it holds belongs to the loop, so it is let go there, not where the last copy of a
  /// ``Reading`` happens to go.
  private final class Waiting {
    private var done: ((Outcome) -> Void)?

    init(_ done: @escaping (Outcome) -> Void) { self.done = done }

    func take(_ outcome: Outcome) {
      let done = done
      self.done = nil
      done?(outcome)
    }
  }
}
