import NotifluxProtocol

/// Reading on from a position: gaps, then messages, in pages.
extension MessageLog {
  /// A reader of `topics` from after `position`; `nil` stands for a cursor of another log, and a position ahead of this
  /// log is taken for one.
  func openReader(topics: [Topic], after position: UInt64?) -> LogReader {
    LogReader(topics: topics, after: position.flatMap { $0 <= head ? $0 : nil })
  }

  /// The next page: first a gap for each topic that has lost messages the reader was not handed, then messages of all
  /// topics in the order of their numbers. A gap comes before messages with smaller numbers than its end, so that a
  /// client that has been told a position has been told of every loss before it.
  ///
  /// A page has at most `maximumItems` items and `maximumBytes` bytes of messages, but at least one item if there is
  /// any; gaps count no bytes. When nothing is left, the reader is caught up with the head. O(topics + items · log
  /// topics), and O(1) for a reader that is caught up.
  mutating func read(
    _ reader: inout LogReader, maximumItems: Int, maximumBytes: Int, now: Double
  ) -> [LogItem<Payload>] {
    expire(now: now)
    guard !reader.isCaughtUp(with: head) else { return [] }
    var items: [LogItem<Payload>] = []
    guard var heap = takeGaps(&reader, into: &items, maximumItems: max(1, maximumItems)) else { return items }
    takeMessages(&reader, from: &heap, into: &items, maximumItems: max(1, maximumItems), maximumBytes: maximumBytes)
    if heap.isEmpty { reader.advance(to: head) }
    return items
  }

  /// Hands out the gaps that are owed; the messages that follow, or `nil` when the page is full before the last gap.
  private func takeGaps(
    _ reader: inout LogReader, into items: inout [LogItem<Payload>], maximumItems: Int
  ) -> MergeHeap? {
    var runs = ContiguousArray<MergeHeap.Run>()
    for place in reader.places.indices {
      let slot = topics.slot(of: reader.places[place].topic)
      let lost = slot.map(topics.lostThrough) ?? forgottenThrough
      if reader.isOwedFirstGap(place) || lost > reader.coveredThrough(place) {
        guard items.count < maximumItems else { return nil }
        let first = slot.flatMap { topics.message($0, 0)?.sequence }
        items.append(.gap(reader.takeGap(place, lost: lost, firstEnd: first.map { $0 - 1 } ?? head)))
      }
      guard let slot else { continue }
      let index = topics.index(slot, after: reader.coveredThrough(place))
      guard let next = topics.message(slot, index)?.sequence else { continue }
      runs.append(MergeHeap.Run(sequence: next, slot: slot, index: index, place: place))
    }
    let heap = MergeHeap(runs)
    reader.takeAllGaps(limit: heap.first.map { $0.sequence - 1 } ?? head)
    if case .gap(var last)? = items.last {
      last.position = reader.position
      items[items.count - 1] = .gap(last)
    }
    return heap
  }

  private func takeMessages(
    _ reader: inout LogReader, from heap: inout MergeHeap, into items: inout [LogItem<Payload>],
    maximumItems: Int, maximumBytes: Int
  ) {
    var bytes = 0
    while items.count < maximumItems, let run = heap.first, let message = topics.message(run.slot, run.index) {
      bytes += message.payload.byteCount
      if bytes > maximumBytes, !items.isEmpty { return }
      items.append(.message(reader.places[run.place].topic, sequence: message.sequence, message.payload))
      reader.advance(to: message.sequence)
      heap.replaceFirst(sequence: topics.message(run.slot, run.index + 1)?.sequence)
    }
  }
}
