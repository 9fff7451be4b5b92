import NIOCore

/// Finds the worker of an event loop, from that loop.
struct WorkerDirectory: Sendable {
  private let workers: [ObjectIdentifier: NIOLoopBound<Worker>]
  let all: [NIOLoopBound<Worker>]

  init(_ workers: [NIOLoopBound<Worker>]) {
    all = workers
    self.workers = Dictionary(uniqueKeysWithValues: workers.map { (ObjectIdentifier($0.eventLoop), $0) })
  }

  /// Every loop of the server's group has one; a channel is on no other.
  func worker(of loop: any EventLoop) -> Worker {
    guard let worker = workers[ObjectIdentifier(loop)] else { preconditionFailure("a channel on a foreign event loop") }
    return worker.value
  }
}
