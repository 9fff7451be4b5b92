import NIOConcurrencyHelpers

/// Where events wait between the event loop, which must not wait, and the one task that consumes them. Says when it is
/// full, so that the producer stops reading, and when a full one was emptied.
///
/// Holds at most about `limit` bytes beside the batch that is being consumed.
final class EventBuffer: Sendable {
  typealias Batch = (events: [LinkEvent], wasFull: Bool)

  private struct State {
    var events: [LinkEvent] = []
    var cost = 0
    var waiter: CheckedContinuation<Batch, Never>?
    var isFull = false
    var isClosed = false
  }

  private let limit: Int
  private let state = NIOLockedValueBox(State())

  init(limit: Int) { self.limit = limit }

  /// Takes events; returns `false` when the producer should stop until a batch is taken with `wasFull`.
  func append(_ events: [LinkEvent]) -> Bool {
    let (waiter, isFull) = state.withLockedValue { state -> (CheckedContinuation<Batch, Never>?, Bool) in
      guard !state.isClosed else { return (nil, false) }
      if let waiter = state.waiter {
        state.waiter = nil
        return (waiter, false)
      }
      state.events += events
      for event in events { state.cost += event.cost }
      state.isFull = state.cost >= limit
      return (nil, state.isFull)
    }
    waiter?.resume(returning: (events, false))
    return !isFull
  }

  /// All that is there, waiting until there is something. No events once the buffer was closed or the task cancelled.
  func nextBatch() async -> Batch {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let batch = state.withLockedValue { state -> Batch? in
          guard !state.isClosed else { return ([], false) }
          guard !state.events.isEmpty else {
            state.waiter = continuation
            return nil
          }
          defer { (state.events, state.cost, state.isFull) = ([], 0, false) }
          return (state.events, state.isFull)
        }
        if let batch { continuation.resume(returning: batch) }
      }
    } onCancel: {
      close()
    }
  }

  /// Lets the consumer go; what is still in the buffer, and what comes from now on, is dropped.
  func close() {
    let waiter = state.withLockedValue { state in
      let waiter = state.waiter
      state = State(isClosed: true)
      return waiter
    }
    waiter?.resume(returning: ([], false))
  }
}
