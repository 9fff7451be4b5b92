import NIOConcurrencyHelpers
import NotifluxClient

/// What can end a run before its time, from any thread: a person, or an error that all that follows would meet too.
final class RunControl: Sendable {
  private struct State {
    var interrupts = 0
    var failure: ClientError?
  }

  private let state = NIOLockedValueBox(State())

  /// The first failure counts.
  func fail(_ error: ClientError) { state.withLockedValue { if $0.failure == nil { $0.failure = error } } }
  func interrupt() { state.withLockedValue { $0.interrupts += 1 } }

  var failure: ClientError? { state.withLockedValue { $0.failure } }
  /// Whether to measure no further.
  var isEnding: Bool { state.withLockedValue { $0.interrupts > 0 || $0.failure != nil } }
  var wasInterrupted: Bool { state.withLockedValue { $0.interrupts > 0 } }
  /// Whether not even to wait for what is under way.
  var isImpatient: Bool { state.withLockedValue { $0.interrupts > 1 } }
}
