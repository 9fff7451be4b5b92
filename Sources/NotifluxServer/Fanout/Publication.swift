import NotifluxProtocol
import Synchronization

/// A message as it is posted to an event loop.
struct Publication: Sendable {
  /// `nil` where a request has nothing new to deliver, but is answered only after what it repeats.
  let message: EncodedMessage?
  /// Set on the last publication of a request.
  let receipt: DeliveryReceipt?
}

/// Who is answered once what it published is in the queue of every matching live connection. Confined to its loop.
protocol Publishing: AnyObject {
  /// `cursor` is that of the last message, `accepted` when that got it, in seconds of a clock that never goes back.
  func wasPublished(_ cursor: Cursor, accepted: Double)
}

/// Becomes due when every worker has handed a request's messages to its subscribers; only then is the publisher
/// answered. So a publisher never runs ahead of delivery, and no queue between them grows without bound.
final class DeliveryReceipt: Sendable {
  private let outstanding: Atomic<Int>
  private let publisher: LoopBound<any Publishing>
  private let cursor: Cursor
  private let accepted: Double

  init(workers: Int, cursor: Cursor, accepted: Double, publisher: LoopBound<any Publishing>) {
    outstanding = Atomic(workers)
    self.cursor = cursor
    self.accepted = accepted
    self.publisher = publisher
  }

  /// Called once by each worker, in any order.
  func sign() {
    guard outstanding.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else { return }
    if publisher.loop.isCurrent { return publisher.value.wasPublished(cursor, accepted: accepted) }
    publisher.loop.execute { self.publisher.value.wasPublished(self.cursor, accepted: self.accepted) }
  }
}
