import NotifluxProtocol

/// What a subscriber's socket does with a message.
protocol PublicationSink: AnyObject {
  /// Queues the message. The sink may leave the hub meanwhile, never join it.
  func deliver(_ message: EncodedMessage)
  /// Sends what was queued; called once after a burst that queued anything.
  func flushDeliveries()
}

/// The hub's part on one event loop: takes publications in the order of their numbers and hands each to the loop's
/// subscribers. Confined to its loop; no lock, no `await`, no encoding.
final class LoopHub<Sink: PublicationSink> {
  typealias Subscriber = TopicTable<Sink>.Subscriber

  let table = TopicTable<Sink>()
  /// The number of the last publication handed out.
  private(set) var delivered: UInt64 = 0
  private var unflushed: ContiguousArray<Subscriber> = []

  /// Hands out a burst: each message costs one lookup and one queued frame a subscriber, each subscriber one flush,
  /// whatever the length of the burst.
  func deliver(_ burst: [Publication]) {
    for publication in burst {
      guard let message = publication.message else { continue }
      let sequence = message.cursor.sequence
      for member in table.members(of: message.topic) where sequence > member.after {
        member.subscriber.sink.deliver(message)
      }
      delivered = sequence
    }
    // By index: a flush can find a socket dead, whose departure must not disturb the walk.
    var next = 0
    while next < unflushed.count {
      unflushed[next].sink.flushDeliveries()
      next += 1
    }
    unflushed.removeAll(keepingCapacity: true)
    for publication in burst { publication.receipt?.sign() }
  }

  /// Asks for one `flushDeliveries` at the end of the burst. A sink calls it for its first frame of the burst only.
  func flushAfterBurst(_ subscriber: Subscriber) { unflushed.append(subscriber) }
}

@available(*, unavailable)
extension LoopHub: Sendable {}
