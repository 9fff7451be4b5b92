import NIOConcurrencyHelpers

/// What happened on a connection, in order and with the time of each: appended by an event loop, read by tasks that wait
/// for one thing or another. Keeps everything; for connections on which little happens.
package final class Transcript<Event: Sendable>: Sendable {
  /// One thing that happened.
  package struct Entry: Sendable {
    package let event: Event
    package let time: ContinuousClock.Instant
  }

  private struct State {
    var entries: [Entry] = []
    var waiters: [CheckedContinuation<Void, Never>] = []
  }

  private let state = NIOLockedValueBox(State())

  package init() {}

  package var entries: [Entry] { state.withLockedValue(\.entries) }

  /// From any thread.
  package func append(_ event: Event) {
    let waiters = state.withLockedValue { state in
      state.entries.append(Entry(event: event, time: .now))
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// Waits until `value` finds what it looks for, which is returned; `nil` at the deadline, or when the task is cancelled.
  package func first<Value>(
    until deadline: ContinuousClock.Instant, _ value: ([Entry]) -> Value?
  ) async -> Value? {
    let alarm = Task {
      try? await Task.sleep(until: deadline)
      wake()
    }
    defer { alarm.cancel() }
    return await withTaskCancellationHandler {
      while true {
        let entries = entries
        if let found = value(entries) { return found }
        if ContinuousClock.now >= deadline || Task.isCancelled { return nil }
        await change(after: entries.count, deadline)
      }
    } onCancel: {
      wake()
    }
  }

  private func change(after count: Int, _ deadline: ContinuousClock.Instant) async {
    await withCheckedContinuation { continuation in
      let isLate = state.withLockedValue { state in
        if state.entries.count > count || ContinuousClock.now >= deadline || Task.isCancelled { return true }
        state.waiters.append(continuation)
        return false
      }
      if isLate { continuation.resume() }
    }
  }

  private func wake() {
    let waiters = state.withLockedValue { state in
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}
