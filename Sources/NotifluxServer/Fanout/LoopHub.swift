import NotifluxProtocol

/// What a subscriber's socket does with messages.
protocol PublicationSink: TopicSubscriber {
  /// Queues the messages of `run`. The sink may leave the hub meanwhile, never join it.
  func deliver(_ run: MessageRun)
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

  /// Hands out a burst: messages of one topic that follow each other cost one lookup, one step a subscriber, and each
  /// subscriber one write, whatever the length of the burst.
  func deliver(_ burst: ContiguousArray<Publication>) {
    var run: MessageRun?
    for publication in burst {
      guard let message = publication.message else { continue }
      if let run, run.topic == message.topic {
        run.append(message)
      } else {
        if let run { hand(out: run) }
        run = MessageRun(message)
      }
    }
    if let run { hand(out: run) }
    // By index: a flush can find a socket dead, whose departure must not disturb the walk.
    var next = 0
    while next < unflushed.count {
      unflushed[next].flushDeliveries()
      next += 1
    }
    unflushed.removeAll(keepingCapacity: true)
    for sorter in sorters { sorter.removeAll() }
    for publication in burst { publication.receipt?.sign() }
  }

  private func hand(out run: MessageRun) {
    let (first, last) = (run.firstNumber, run.lastNumber)
    for member in table.members(of: run.topic) {
      if member.after < first {
        member.subscriber.deliver(run)
      } else if member.after < last, let rest = run.suffix(after: member.after) {
        member.subscriber.deliver(rest)
      }
    }
    delivered = last
  }

  func sorter(_ form: WireForm) -> ParcelSorter { sorters[Int(form.rawValue)] }

  /// Asks for one `flushDeliveries` at the end of the burst. A sink calls it for its first messages of the burst only.
  func flushAfterBurst(_ sink: Sink) { unflushed.append(sink) }
}

@available(*, unavailable)
extension LoopHub: Sendable {}
