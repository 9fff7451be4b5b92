import NIOConcurrencyHelpers
import NotifluxProtocol

/// What a subscriber's socket does with messages.
protocol PublicationSink: TopicSubscriber {
  /// Where in memory that lies of the socket which a delivery touches.
  var socketAddress: UnsafeRawPointer? { get }
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
  let table: TopicTable<Sink>
  /// Which topics are busy. One loop has it for all of them, since each message comes to each loop.
  private var busyTopics: BusyTopics?
  /// What the burst under way has for whom, a sorter each form.
  private let sorters = WireForm.allCases.map(ParcelSorter.init)
  /// The number of the last publication handed out.
  private(set) var delivered: UInt64 = 0
  /// Messages handed to subscribers, each once a subscriber.
  private(set) var handedOut = 0
  /// When the messages were accepted that were handed to anybody since ``settle(_:)``.
  private var unsettled: ContiguousArray<Double> = []
  private var unflushed: ContiguousArray<Sink> = []
  /// Empty: room for the next burst.
  private var room: ContiguousArray<Publication> = []
  /// Room for longer bursts is given back.
  private static var roomLimit: Int { 256 }
  /// How far ahead of its turn a subscriber's socket is prefetched; the subscriber itself twice as far.
  private static var lead: Int { 6 }

  /// `census` is told of the topics that have subscribers here.
  init(census: TopicCensus? = nil, watchesTopics: Bool = false) {
    table = TopicTable(census: census)
    busyTopics = watchesTopics ? BusyTopics() : nil
  }

  /// Hands out what `waiting` holds, and leaves it empty.
  func deliver(from waiting: NIOLockedValueBox<ContiguousArray<Publication>>) {
    var burst: ContiguousArray<Publication> = []
    swap(&burst, &room)
    waiting.withLockedValue { swap(&burst, &$0) }
    deliver(burst)
    if burst.count <= Self.roomLimit { burst.clear() } else { burst = [] }
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
          hand(out: run, isAlone: false)
        }
        run = MessageRun(message)
      }
    }
    if let run {
      hand(out: run, isAlone: isAlone)
      if !isAlone { flush() }
    }
    for publication in burst { publication.receipt?.sign() }
  }

  private func hand(out run: MessageRun, isAlone: Bool) {
    let (first, last) = (run.firstNumber, run.lastNumber)
    busyTopics?.count(run)
    table.members(of: run.topic).withUnsafeBufferPointer { members in
      if !members.isEmpty { note(run, for: members.count) }
      for step in -2 * Self.lead..<members.count {
        prefetchSink(members, step + 2 * Self.lead)
        prefetchSocket(members, step + Self.lead)
        guard step >= 0 else { continue }
        let member = members[step]
        if member.after < first {
          deliver(run, to: member.subscriber, isAlone: isAlone)
        } else if member.after < last, let rest = run.suffix(after: member.after) {
          deliver(rest, to: member.subscriber, isAlone: isAlone)
          handedOut -= run.count - rest.count
        } else {
          handedOut -= run.count
        }
      }
    }
    delivered = last
  }

  private func note(_ run: MessageRun, for subscribers: Int) {
    handedOut += run.count * subscribers
    unsettled.append(run.first.accepted)
    if run.count > 1 { for message in run.rest { unsettled.append(message.accepted) } }
  }

  @inline(__always)
  private func deliver(_ run: MessageRun, to sink: Sink, isAlone: Bool) {
    if isAlone { sink.deliverAlone(run) } else { sink.deliver(run) }
  }

  private typealias Members = UnsafeBufferPointer<TopicTable<Sink>.Member>

  @inline(__always)
  private func prefetchSink(_ members: Members, _ index: Int) {
    guard index < members.count else { return }
    Prefetch.lines(3, at: UnsafeRawPointer(Unmanaged.passUnretained(members[index].subscriber).toOpaque()))
  }

  @inline(__always)
  private func prefetchSocket(_ members: Members, _ index: Int) {
    guard members.indices.contains(index), let address = members[index].subscriber.socketAddress else { return }
    Prefetch.lines(2, at: address)
  }

  private func flush() {
    // By index: a flush can find a socket dead, whose departure must not disturb the walk.
    var next = 0
    while next < unflushed.count {
      unflushed[next].flushDeliveries()
      next += 1
    }
    unflushed.clear()
    for sorter in sorters { sorter.removeAll() }
  }

  // MARK: Figures

  var hasUnsettled: Bool { !unsettled.isEmpty }

  /// To be called once what was handed out has been offered to the sockets: `now`, of the clock of
  /// ``EncodedMessage/accepted``.
  func settle(_ now: Double, into latencies: inout LatencyHistogram) {
    for accepted in unsettled { latencies.record(now - accepted) }
    unsettled.clear()
  }

  /// Once a second.
  func tick() { busyTopics?.tick() }

  /// The topics that are watched, busy or not; empty on all loops but one.
  func busyTopics(now: Double) -> [TopicSketch.Entry] { busyTopics?.sketch.entries(now: now) ?? [] }

  func sorter(_ form: WireForm) -> ParcelSorter { sorters[Int(form.rawValue)] }

  /// Asks for one `flushDeliveries` at the end of the burst. A sink calls it for its first messages of the burst only.
  func flushAfterBurst(_ sink: Sink) { unflushed.append(sink) }
}

@available(*, unavailable)
extension LoopHub: Sendable {}
