import NIOCore
import NotifluxProtocol
import Synchronization

/// One accepted message on its way to the subscribers, encoded once: every socket is handed the same bytes.
struct Publication: Sendable {
  let topic: Topic
  /// The hub's number for it.
  let sequence: UInt64
  /// A whole WebSocket text frame of the published text.
  let textFrame: ByteBuffer
  /// Set on the last publication of a request.
  let receipt: DeliveryReceipt?
}

/// Becomes due when every worker has handed a request's messages to its subscribers; only then is the publisher
/// answered. So a publisher never runs ahead of delivery, and no queue between them grows without bound.
final class DeliveryReceipt: Sendable {
  private let outstanding: Atomic<Int>
  private let promise: EventLoopPromise<Cursor>
  private let cursor: Cursor

  init(workers: Int, cursor: Cursor, promise: EventLoopPromise<Cursor>) {
    outstanding = Atomic(workers)
    self.cursor = cursor
    self.promise = promise
  }

  /// Called once by each worker, in any order.
  func sign() {
    if outstanding.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { promise.succeed(cursor) }
  }
}
