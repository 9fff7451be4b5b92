import NIOConcurrencyHelpers

/// Carries publications to one event loop, in the order they were posted. The only crossing between threads on the
/// way of a message: whatever is posted during one turn of the loop is taken out together at its end.
final class Mailbox: Sendable {
  private let waiting: NIOLockedValueBox<ContiguousArray<Publication>>
  private let loop: any WorkerLoop
  private let takeOut: @Sendable () -> Void

  init(hub: LoopBound<LoopHub<SubscriberConnection>>) {
    let waiting = NIOLockedValueBox<ContiguousArray<Publication>>([])
    self.waiting = waiting
    loop = hub.loop
    takeOut = { hub.value.deliver(from: waiting) }
  }

  /// Any thread. Returns whether the mailbox was empty; then the caller must ``collect()`` once its own locks are
  /// released.
  func post(_ publication: Publication) -> Bool {
    waiting.withLockedValue { waiting in
      waiting.append(publication)
      return waiting.count == 1
    }
  }

  /// Has the loop take everything out at the end of its current turn, so that the messages of all requests it read in
  /// that turn make one burst.
  func collect() { loop.execute(takeOut) }
}
