import NotifluxClient
import Synchronization

/// What can end a run before its time, from any thread: a person, or an error that all that follows would meet too.
final class RunControl: Sendable {
  private struct State {
    var interrupts = 0
    var failure: ClientError?
  }

  private let state = Mutex(State())

  /// The first failure counts.
  func fail(_ error: ClientError) { state.withLock { if $0.failure == nil { $0.failure = error } } }
  func interrupt() { state.withLock { $0.interrupts += 1 } }

  var failure: ClientError? { state.withLock { $0.failure } }
  /// Whether to measure no further.
  var isEnding: Bool { state.withLock { $0.interrupts > 0 || $0.failure != nil } }
  var wasInterrupted: Bool { state.withLock { $0.interrupts > 0 } }
  /// Whether not even to wait for what is under way.
  var isImpatient: Bool { state.withLock { $0.interrupts > 1 } }
}
