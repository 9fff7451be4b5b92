import NIOConcurrencyHelpers
import NIOCore

/// A NIO event loop as ours: where TLS connections live.
final class ChannelLoop: WorkerLoop {
  let eventLoop: any EventLoop
  private let ticking = NIOLockedValueBox<RepeatedTask?>(nil)

  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  var isCurrent: Bool { eventLoop.inEventLoop }

  func execute(_ task: @escaping @Sendable () -> Void) { eventLoop.execute(task) }

  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? {
    try? await eventLoop.submit(body).get()
  }

  /// NIO's loops have no turns that could be told apart: never.
  func spread(_ task: @escaping () -> Void) -> Bool { false }

  func startTicking(every interval: Duration, _ body: @escaping () -> Void) {
    let bound = LoopBound(body, loop: self)
    let delay = TimeAmount(interval)
    ticking.withLockedValue { ticking in
      ticking = eventLoop.scheduleRepeatedTask(initialDelay: delay, delay: delay) { _ in bound.value() }
    }
  }

  func stopTicking() { ticking.withLockedValue { $0?.cancel() } }
}
