@testable import NotifluxServer

/// A loop that turns only when it is told to, on the test's own thread.
final class ManualLoop: WorkerLoop, @unchecked Sendable {  // Used by one test, one step after the other.
  private var tasks: [() -> Void] = []
  private var turnEnd: () -> Void = {}

  var isCurrent: Bool { true }
  /// Whether nothing waits for a turn.
  var isIdle: Bool { tasks.isEmpty }

  func execute(_ task: @escaping @Sendable () -> Void) { tasks.append(task) }

  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? { body() }

  func spread(_ task: @escaping () -> Void) -> Bool { false }

  func startTicking(every interval: Duration, _ body: @escaping () -> Void) {}

  func stopTicking() {}

  let turnTime = 0.0
  let traffic = Traffic()

  func onTurnEnd(_ body: @escaping () -> Void) { turnEnd = body }

  /// One turn: what is put off meanwhile waits for the next.
  func turn() {
    let due = tasks
    tasks = []
    for task in due { task() }
    turnEnd()
  }
}
