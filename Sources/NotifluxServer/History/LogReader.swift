import NotifluxProtocol

/// What a reader is handed: a message, or the word that some are gone.
enum LogItem<Payload> {
  case gap(LogGap)
  case message(Topic, sequence: UInt64, Payload)

  /// The cursor a client may resume from once it has this item and all before it; `nil`: still the one it came with.
  var position: UInt64? {
    switch self {
    case .gap(let gap): gap.position
    case .message(_, let sequence, _): sequence
    }
  }
}

/// Messages of `topic` with `from` < number ≤ `to` are gone; what is retained after `to` follows.
struct LogGap: Sendable, Hashable {
  let topic: Topic
  /// `nil`: the cursor as the client gave it, which is no place in this log.
  let from: UInt64?
  let to: UInt64
  /// The cursor a client may resume from after this gap. It is behind `to` where a message of another topic, or another
  /// gap, is still to come; `nil`: still the cursor it came with.
  var position: UInt64?
}

/// A place in a ``MessageLog`` for a set of topics, read on with ``MessageLog/read(_:maximumItems:maximumBytes:now:)``.
/// Holds no message; any number of readers cost the log nothing.
struct LogReader: Sendable {
  struct Place: Sendable {
    let topic: Topic
    /// Up to here the topic has been handed out, or told to be gone; of no meaning where it is behind `position`.
    var coveredThrough: UInt64
  }

  private(set) var places: ContiguousArray<Place>
  /// Everything of all topics up to here has been handed out, or told to be gone; `nil` while a cursor that is no place
  /// in this log has not been answered with a gap for every topic.
  private(set) var position: UInt64?
  /// Of such a cursor: the topics that have had their gap, from the first.
  private var answered = 0

  /// A topic named twice is read once.
  init(topics: [Topic], after position: UInt64?) {
    var seen = Set<Topic>(minimumCapacity: topics.count)
    places = []
    places.reserveCapacity(topics.count)
    for topic in topics where seen.insert(topic).inserted {
      places.append(Place(topic: topic, coveredThrough: 0))
    }
    self.position = position
  }

  var topics: [Topic] { places.map(\.topic) }

  /// Whether there is nothing to read in a log whose last number is `head`.
  func isCaughtUp(with head: UInt64) -> Bool { position == head }

  /// Stops reading a topic. O(topics).
  mutating func remove(_ topic: Topic) {
    guard let index = places.firstIndex(where: { $0.topic == topic }) else { return }
    places.remove(at: index)
    if index < answered { answered -= 1 }
  }

  /// The topic's messages after this number are still to come.
  func coveredThrough(_ index: Int) -> UInt64 { max(places[index].coveredThrough, position ?? 0) }

  /// Whether the topic has not had the gap that answers a cursor that is no place in this log.
  func isOwedFirstGap(_ index: Int) -> Bool { position == nil && index >= answered }

  /// The gap of a topic of which everything up to `lost` is gone; `firstEnd` is the end of the first gap of a cursor
  /// that is no place in this log.
  mutating func takeGap(_ index: Int, lost: UInt64, firstEnd: UInt64) -> LogGap {
    let isFirst = isOwedFirstGap(index)
    let from = isFirst ? nil : coveredThrough(index)
    let to = isFirst ? firstEnd : lost
    places[index].coveredThrough = to
    if position == nil { answered = max(answered, index + 1) }
    return LogGap(topic: places[index].topic, from: from, to: to, position: position)
  }

  /// Every topic has been told of its losses, and of no topic is a message up to `limit` still to come: the position
  /// may go to the end of the last gap, but not beyond `limit`.
  mutating func takeAllGaps(limit: UInt64) {
    let end = places.lazy.map(\.coveredThrough).max() ?? limit
    position = max(position ?? 0, min(end, limit))
  }

  mutating func advance(to position: UInt64) { self.position = position }
}

extension LogItem: Sendable where Payload: Sendable {}
