import Foundation
import NotifluxJWT
import NotifluxProtocol

@testable import NotifluxServer

/// A value under a lock.
final class Guarded<Value>: @unchecked Sendable {  // `value` is touched under `lock` only.
  private let lock = NSLock()
  private var value: Value

  init(_ value: Value) { self.value = value }

  func withLock<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
}

/// A loop whose turns the test takes, one task at a time, on the thread that asks for it.
final class StepLoop: WorkerLoop {
  private struct State {
    var tasks: [@Sendable () -> Void] = []
    var runner: pthread_t?
  }

  private let state = Guarded(State())
  private let posted = DispatchSemaphore(value: 0)
  /// Whether it has room for short tasks.
  private let hasRoom: Bool

  init(hasRoom: Bool = false) { self.hasRoom = hasRoom }

  var isCurrent: Bool { state.withLock { $0.runner == pthread_self() } }

  func execute(_ task: @escaping @Sendable () -> Void) {
    state.withLock { $0.tasks.append(task) }
    posted.signal()
  }

  let turnTime = 0.0
  let traffic = Traffic()

  func onTurnEnd(_ body: @escaping () -> Void) {}

  /// Waits for a task and runs it; false if none came for so long that none ever will.
  func step() -> Bool {
    guard posted.wait(timeout: .now() + 60) == .success else { return false }
    let task = state.withLock { state in
      state.runner = pthread_self()
      return state.tasks.removeFirst()
    }
    task()
    state.withLock { $0.runner = nil }
    return true
  }

  func spread(_ task: @escaping () -> Void) -> Bool {
    if hasRoom { executeIsolated(task) }
    return hasRoom
  }

  var isIdle: Bool { state.withLock { $0.tasks.isEmpty } }

  func run<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result? { nil }
  func startTicking(every interval: Duration, _ body: @escaping () -> Void) {}
  func stopTicking() {}
}

/// A clock that stands still until it is set, and can do something each time it is read.
final class StandingClock: Sendable {
  private let state = Guarded<(time: Double, reads: Int)>((1000, 0))
  private let onRead: @Sendable (_ read: Int) -> Void

  init(onRead: @escaping @Sendable (_ read: Int) -> Void = { _ in }) { self.onRead = onRead }

  func set(_ time: Double) { state.withLock { $0.time = time } }
  /// How often it was read.
  var reads: Int { state.withLock { $0.reads } }

  func now() -> Double {
    let (time, reads) = state.withLock { state in
      state.reads += 1
      return (state.time, state.reads)
    }
    onRead(reads)
    return time
  }
}

/// Verdicts in the order in which they came, on whichever thread.
final class Verdicts: Sendable {
  private let all = Guarded<[ErrorCode?]>([])
  var codes: [ErrorCode?] { all.withLock { $0 } }

  func add(_ verdict: TokenVerdict) {
    let code: ErrorCode? = if case .failure(let refusal) = verdict { refusal.code } else { nil }
    all.withLock { $0.append(code) }
  }
}

extension Authorizer {
  /// What is said at once; nil for a token that is not verified yet.
  func atOnce(_ token: String?, _ scope: Scope = .broadcast, _ topics: String...) throws -> TokenVerdict? {
    switch authorize(token, scope: scope, topics: try topics.map { try Topic($0) }) {
    case .granted(let names): .success(names)
    case .refused(let refusal): .failure(refusal)
    case .unverified: nil
    }
  }

  /// The verdict in the end, for an authorizer with threads or without.
  func inTheEnd(
    _ token: String, _ scope: Scope = .broadcast, _ topics: String..., by payer: any CheckPayer = TestPayer()
  ) throws -> ErrorCode? {
    let (loop, verdicts) = (StepLoop(), Verdicts())
    switch authorize(token, scope: scope, topics: try topics.map { try Topic($0) }, by: payer) {
    case .granted: return nil
    case .refused(let refusal): return refusal.code
    case .unverified(let verification):
      verification.run(on: loop) { verdicts.add($0) }
      guard loop.step(), verdicts.codes.count == 1 else { throw Refusal(.timeout, "no verdict") }
      return verdicts.codes[0]
    }
  }
}

extension TokenVerdict {
  /// Nil for success.
  var code: ErrorCode? { if case .failure(let refusal) = self { refusal.code } else { nil } }
}
