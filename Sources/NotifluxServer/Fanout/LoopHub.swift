import NIOConcurrencyHelpers
import NotifluxProtocol

/// What a subscriber's socket does with messages.
protocol PublicationSink: TopicSubscriber {
  /// Queues the messages of `run`. The sink may leave the hub meanwhile, never join it.
  func deliver(_ run: MessageRun)
  /// Sends the messages of `run`, which is all that the burst has. The sink may leave the hub meanwhile, never join it.
  func deliverAlone(_ run: MessageRun)
  /// Sends what was queued; called once after a burst that queued anything.
  func flushDeliveries()
}

/// The hub's part on one event loop: takes publications in the order of their numbers and hands them to the loop's
/// subscribers. Confined to its loop; no lock, no `await`, no encoding.
final class LoopHub<Sink: PublicationSink> {
  let table = TopicTable<Sink>()
  /// What the burst under way has for whom, a sorter each form.
  private let sorters = WireForm.allCases.map(ParcelSorter.init)
  /// The number of the last publication handed out.
  private(set) var delivered: UInt64 = 0
  private var unflushed: ContiguousArray<Sink> = []
  /// Empty: room for the next burst.
  private var room: ContiguousArray<Publication> = []
  /// Room for longer bursts is given back.
  private static var roomLimit: Int { 256 }

  /// Hands out what `waiting` holds, and leaves it empty.
  func deliver(from waiting: NIOLockedValueBox<ContiguousArray<Publication>>) {
    var burst: ContiguousArray<Publication> = []
    swap(&burst, &room)
    waiting.withLockedValue { swap(&burst, &$0) }
    deliver(burst)
    burst.removeAll(keepingCapacity: burst.count <= Self.roomLimit)
    swap(&burst, &room)
  }

  /// Hands out a burst: messages of one topic that follow each other cost one lookup, one step a subscriber, and each
  /// subscriber one write, whatever the length of the burst.
  func deliver(_ burst: ContiguousArray<Publication>) {
    var run: MessageRun?
    var isAlone = true
    for publication in burst {
      guard let message = publication.message else { continue }
      if let run, run.topic == message.topic {
        run.append(message)
      } else {
        if let run {
          isAlone = false
          hand(out: run) { $0.deliver($1) }
        }
        run = MessageRun(message)
      }
    }
    if let run {
      if isAlone {
        hand(out: run) { $0.deliverAlone($1) }
      } else {
        hand(out: run) { $0.deliver($1) }
        flush()
      }
    }
    for publication in burst { publication.receipt?.sign() }
  }

  @inline(__always)
  private func hand(out run: MessageRun, _ deliver: (Sink, MessageRun) -> Void) {
    let (first, last) = (run.firstNumber, run.lastNumber)
    for member in table.members(of: run.topic) {
      if member.after < first {
        deliver(member.subscriber, run)
      } else if member.after < last, let rest = run.suffix(after: member.after) {
        deliver(member.subscriber, rest)
      }
    }
    delivered = last
  }

  private func flush() {
    // By index: a flush can find a socket dead, whose departure must not disturb the walk.
    var next = 0
    while next < unflushed.count {
      unflushed[next].flushDeliveries()
      next += 1
    }
    unflushed.removeAll(keepingCapacity: true)
    for sorter in sorters { sorter.removeAll() }
  }

  func sorter(_ form: WireForm) -> ParcelSorter { sorters[Int(form.rawValue)] }

  /// Asks for one `flushDeliveries` at the end of the burst. A sink calls it for its first messages of the burst only.
  func flushAfterBurst(_ sink: Sink) { unflushed.append(sink) }
}

@available(*, unavailable)
extension LoopHub: Sendable {}
