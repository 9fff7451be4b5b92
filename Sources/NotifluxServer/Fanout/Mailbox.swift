import NIOConcurrencyHelpers

/// Carries publications to one event loop, in the order they were posted. The only crossing between threads on the
/// way of a message: whatever is posted during one turn of the loop is taken out together at its end.
final class Mailbox: Sendable {
  private let hub: LoopBound<LoopHub<SubscriberConnection>>
  private let waiting = NIOLockedValueBox<ContiguousArray<Publication>>([])

  init(hub: LoopBound<LoopHub<SubscriberConnection>>) { self.hub = hub }

  /// Any thread. Returns whether the mailbox was empty; then the caller must ``collect()`` once its own locks are
  /// released.
  func post(_ publications: ContiguousArray<Publication>) -> Bool {
    waiting.withLockedValue { waiting in
      defer { waiting.append(contentsOf: publications) }
      return waiting.isEmpty
    }
  }

  /// Has the loop take everything out at the end of its current turn, so that the messages of all requests it read in
  /// that turn make one burst.
  func collect() {
    hub.loop.execute {
      var burst: ContiguousArray<Publication> = []
      self.waiting.withLockedValue { swap(&$0, &burst) }
      self.hub.value.deliver(burst)
    }
  }
}
