import NIOConcurrencyHelpers
import NIOCore

/// A NIO event loop as ours: where TLS connections live.
final class ChannelLoop: WorkerLoop {
  let eventLoop: any EventLoop
  private let ticking = NIOLockedValueBox<RepeatedTask?>(nil)
  private let turnEnd = NIOLockedValueBox<LoopBound<() -> Void>?>(nil)
  private let total = NIOLockedValueBox(Traffic())
  private let backlogs: NIOLoopBoundBox<BacklogQueue<ChannelTransport>>
  /// Whether the next turn of the backlogs is scheduled, or under way.
  private let hasTurn: NIOLoopBoundBox<Bool>
  /// NIO looks at its sockets when there are no tasks left that are due: between turns there is a moment without.
  private static let pause = TimeAmount.microseconds(20)

  init(_ eventLoop: any EventLoop) {
    self.eventLoop = eventLoop
    backlogs = .makeBoxSendingValue(BacklogQueue(), eventLoop: eventLoop)
    hasTurn = .makeBoxSendingValue(false, eventLoop: eventLoop)
  }

  var isCurrent: Bool { eventLoop.inEventLoop }

  func execute(_ task: @escaping @Sendable () -> Void) {
    eventLoop.execute {
      task()
      self.endTurn()
    }
  }

  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? {
    try? await eventLoop.submit(body).get()
  }

  /// NIO's loops have no turns that could be told apart: never.
  func spread(_ task: @escaping () -> Void) -> Bool { false }

  var turnTime: Double { SystemClock.uptime() }

  /// Each task that was given to the loop counts as a turn: channels write as soon as they are told to.
  func onTurnEnd(_ body: @escaping () -> Void) {
    let bound = LoopBound(body, loop: self)
    turnEnd.withLockedValue { $0 = bound }
  }

  private func endTurn() { turnEnd.withLockedValue { $0 }?.value() }

  var traffic: Traffic { total.withLockedValue { $0 } }

  func received(_ count: Int) { total.withLockedValue { $0.received += count } }

  func sent(_ count: Int) { total.withLockedValue { $0.sent += count } }

  /// On the loop only: `transport` could encrypt and send more.
  func append(_ transport: ChannelTransport) {
    backlogs.value.append(transport)
    guard !hasTurn.value else { return }
    hasTurn.value = true
    scheduleTurn()
  }

  private func scheduleTurn() { eventLoop.scheduleTask(in: Self.pause) { self.sendBacklogs() } }

  private func sendBacklogs() {
    let backlogs = backlogs.value
    backlogs.send()
    hasTurn.value = !backlogs.isEmpty
    if hasTurn.value { scheduleTurn() }
  }

  func startTicking(every interval: Duration, _ body: @escaping () -> Void) {
    let bound = LoopBound(body, loop: self)
    let delay = TimeAmount(interval)
    ticking.withLockedValue { ticking in
      ticking = eventLoop.scheduleRepeatedTask(initialDelay: delay, delay: delay) { _ in bound.value() }
    }
  }

  /// Lets go of what it was given, too, which refers back to the loop.
  func stopTicking() {
    ticking.withLockedValue { $0?.cancel() }
    turnEnd.withLockedValue { $0 = nil }
    backlogs.value.removeAll()
  }
}
