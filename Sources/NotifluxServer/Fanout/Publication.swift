import NotifluxProtocol
import Synchronization

/// A message as it is posted to an event loop.
struct Publication: Sendable {
  /// `nil` where a request has nothing new to deliver, but is answered only after what it repeats.
  let message: EncodedMessage?
  /// Set on the last publication of a request.
  let receipt: DeliveryReceipt?
}

/// Becomes due when every worker has handed a request's messages to its subscribers; only then is the publisher
/// answered. So a publisher never runs ahead of delivery, and no queue between them grows without bound.
final class DeliveryReceipt: Sendable {
  /// Gets the request's cursor, on the loop it came from.
  struct Answer {
    let call: (Cursor) -> Void
  }

  private let outstanding: Atomic<Int>
  private let answer: LoopBound<Answer>
  private let cursor: Cursor

  init(workers: Int, cursor: Cursor, answer: LoopBound<Answer>) {
    outstanding = Atomic(workers)
    self.cursor = cursor
    self.answer = answer
  }

  /// Called once by each worker, in any order.
  func sign() {
    guard outstanding.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    if answer.loop.isCurrent { return answer.value.call(cursor) }
    answer.loop.execute { self.answer.value.call(self.cursor) }
  }
}
