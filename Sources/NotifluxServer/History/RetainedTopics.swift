import NotifluxProtocol

/// One message in the history.
struct RetainedMessage<Payload> {
  let sequence: UInt64
  let payload: Payload
}

/// What is retained of one topic, oldest first.
struct TopicHistory<Payload> {
  let topic: Topic
  var messages = Ring<RetainedMessage<Payload>>()
}

/// The topics of which something is retained, each in a numbered slot that stays the same while the topic is there,
/// until ``compact()``.
struct RetainedTopics<Payload> {
  private var slots: ContiguousArray<TopicHistory<Payload>?> = []
  /// Slot by slot: every message of the topic up to this number is gone, and none after it. `UInt64.max` where free.
  private var losses: ContiguousArray<UInt64> = []
  private var places: [Topic: Int32] = [:]
  private var free: ContiguousArray<Int32> = []

  var count: Int { places.count }
  /// The slots there are, free ones included.
  var slotCount: Int { slots.count }
  var freeCount: Int { free.count }
  var isSparse: Bool { slots.count > 64 && places.count * 4 < slots.count }

  func slot(of topic: Topic) -> Int32? { places[topic] }

  func lostThrough(_ slot: Int32) -> UInt64 { losses[Int(slot)] }

  func messageCount(_ slot: Int32) -> Int { slots[Int(slot)]?.messages.count ?? 0 }

  func message(_ slot: Int32, _ index: Int) -> RetainedMessage<Payload>? { slots[Int(slot)]?.messages[index] }

  /// Where in the topic's history the first message after a number stands; its length when there is none.
  func index(_ slot: Int32, after sequence: UInt64) -> Int {
    slots[Int(slot)]?.messages.firstIndex { $0.sequence > sequence } ?? 0
  }

  mutating func insert(_ topic: Topic, lostThrough: UInt64) -> Int32 {
    let slot: Int32
    if let reused = free.popLast() {
      slot = reused
      slots[Int(slot)] = TopicHistory(topic: topic)
      losses[Int(slot)] = lostThrough
    } else {
      slot = Int32(slots.count)
      slots.append(TopicHistory(topic: topic))
      losses.append(lostThrough)
    }
    places[topic] = slot
    return slot
  }

  mutating func append(_ message: RetainedMessage<Payload>, _ slot: Int32, limit: Int) {
    slots[Int(slot)]?.messages.append(message, limit: limit)
  }

  /// Takes the topic's oldest message out and counts it as lost; `nil` when there is none.
  mutating func removeFirst(_ slot: Int32) -> RetainedMessage<Payload>? {
    guard let message = slots[Int(slot)]?.messages.removeFirst() else { return nil }
    losses[Int(slot)] = message.sequence
    return message
  }

  /// Takes a topic out with all it has; the topic, and how far it had lost its past.
  mutating func remove(_ slot: Int32) -> (topic: Topic, lostThrough: UInt64)? {
    guard let topic = slots[Int(slot)]?.topic else { return nil }
    let lostThrough = losses[Int(slot)]
    slots[Int(slot)] = nil
    losses[Int(slot)] = .max
    places[topic] = nil
    free.append(slot)
    return (topic, lostThrough)
  }

  /// Gives the room of free slots back; the answer says for each old slot which one it is now, -1 for a free one.
  mutating func compact() -> ContiguousArray<Int32> {
    var moved = ContiguousArray<Int32>(repeating: -1, count: slots.count)
    var kept = ContiguousArray<TopicHistory<Payload>?>()
    kept.reserveCapacity(places.count)
    var keptLosses = ContiguousArray<UInt64>()
    keptLosses.reserveCapacity(places.count)
    var keptPlaces: [Topic: Int32] = [:]
    keptPlaces.reserveCapacity(places.count)
    for old in slots.indices {
      guard let history = slots[old] else { continue }
      moved[old] = Int32(kept.count)
      keptPlaces[history.topic] = moved[old]
      kept.append(history)
      keptLosses.append(losses[old])
    }
    slots = kept
    losses = keptLosses
    places = keptPlaces
    free = []
    return moved
  }
}

extension RetainedMessage: Sendable where Payload: Sendable {}
extension TopicHistory: Sendable where Payload: Sendable {}
extension RetainedTopics: Sendable where Payload: Sendable {}
