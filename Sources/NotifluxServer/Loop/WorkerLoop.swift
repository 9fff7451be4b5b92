/// One thread on which everything of a worker runs, in turns: what arrived is handled, then what was put off, then what
/// was written goes out.
protocol WorkerLoop: AnyObject, Sendable {
  /// Whether the caller runs on this loop.
  var isCurrent: Bool { get }

  /// Any thread. Tasks run in the order given; one that is given on the loop itself runs at the end of its current turn.
  /// Once the loop has ended, tasks are dropped.
  func execute(_ task: @escaping @Sendable () -> Void)

  /// Any other thread: what `body` returns on the loop; `nil` once the loop has ended.
  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result?

  /// On the loop only: runs `task`, which takes up to 100 µs, at the end of this turn or a later one, a few such tasks a
  /// turn. False if so many wait for that already that the caller had better find another way.
  func spread(_ task: @escaping () -> Void) -> Bool

  /// On the loop only: when the current turn began, or was first asked for it, in seconds of a clock that never goes back.
  var turnTime: Double { get }

  /// On the loop only: calls `body` at the end of each turn from now on, when what was written has been offered to the
  /// sockets.
  func onTurnEnd(_ body: @escaping () -> Void)

  /// On the loop only: bytes read from sockets and taken by them since it began.
  var traffic: Traffic { get }

  /// On the loop only: calls `body` once every `interval` from now on.
  func startTicking(every interval: Duration, _ body: @escaping () -> Void)

  /// On the loop only.
  func stopTicking()
}

/// Bytes that went through sockets; with TLS, what was inside.
struct Traffic: Sendable, Equatable {
  var received = 0
  var sent = 0
}

extension WorkerLoop {
  /// On the loop only: puts `task` off to the end of the current turn.
  func executeIsolated(_ task: @escaping () -> Void) {
    let bound = LoopBound(task, loop: self)
    execute { bound.value() }
  }
}

/// A value that belongs to one loop, on its way through code that may run anywhere. Only the loop gets it out.
struct LoopBound<Value>: @unchecked Sendable {
  let loop: any WorkerLoop
  private let bound: Value

  /// Any thread may wrap a value that it gives up, the loop one that it keeps.
  init(_ value: Value, loop: any WorkerLoop) {
    bound = value
    self.loop = loop
  }

  /// For whoever wrapped it, to put it together with others before the loop has it.
  var given: Value { bound }

  /// On the loop only.
  var value: Value {
    precondition(loop.isCurrent, "a value of one event loop is used on another thread")
    return bound
  }
}
