import NotifluxProtocol

/// One message in the history.
struct RetainedMessage<Payload> {
  let sequence: UInt64
  let payload: Payload
}

/// What is retained of one topic, oldest first, and how far its past is lost.
struct TopicHistory<Payload> {
  let topic: Topic
  /// Every message of the topic up to this number is gone, and none after it.
  var lostThrough: UInt64
  var messages = Ring<RetainedMessage<Payload>>()
}

/// The topics of which something is retained, each in a numbered slot that stays the same while the topic is there,
/// until ``compact()``.
struct RetainedTopics<Payload> {
  private var slots: ContiguousArray<TopicHistory<Payload>?> = []
  private var places: [Topic: Int32] = [:]
  private var free: ContiguousArray<Int32> = []

  var count: Int { places.count }
  /// The slots there are, free ones included.
  var slotCount: Int { slots.count }
  var freeCount: Int { free.count }
  var isSparse: Bool { slots.count > 64 && places.count * 4 < slots.count }

  func slot(of topic: Topic) -> Int32? { places[topic] }

  subscript(slot: Int32) -> TopicHistory<Payload>? {
    get { slots[Int(slot)] }
    _modify { yield &slots[Int(slot)] }
  }

  /// The number of the topic's oldest retained message; `nil` for a free slot.
  func firstSequence(_ slot: Int32) -> UInt64? { slots[Int(slot)]?.messages.first?.sequence }

  mutating func insert(_ topic: Topic, lostThrough: UInt64) -> Int32 {
    let history = TopicHistory<Payload>(topic: topic, lostThrough: lostThrough)
    let slot: Int32
    if let reused = free.popLast() {
      slot = reused
      slots[Int(slot)] = history
    } else {
      slot = Int32(slots.count)
      slots.append(history)
    }
    places[topic] = slot
    return slot
  }

  mutating func remove(_ slot: Int32) {
    guard let topic = slots[Int(slot)]?.topic else { return }
    slots[Int(slot)] = nil
    places[topic] = nil
    free.append(slot)
  }

  /// Gives the room of free slots back; the answer says for each old slot which one it is now, -1 for a free one.
  mutating func compact() -> ContiguousArray<Int32> {
    var moved = ContiguousArray<Int32>(repeating: -1, count: slots.count)
    var kept = ContiguousArray<TopicHistory<Payload>?>()
    kept.reserveCapacity(places.count)
    var keptPlaces: [Topic: Int32] = [:]
    keptPlaces.reserveCapacity(places.count)
    for old in slots.indices {
      guard let history = slots[old] else { continue }
      moved[old] = Int32(kept.count)
      keptPlaces[history.topic] = moved[old]
      kept.append(history)
    }
    slots = kept
    places = keptPlaces
    free = []
    return moved
  }
}

extension RetainedMessage: Sendable where Payload: Sendable {}
extension TopicHistory: Sendable where Payload: Sendable {}
extension RetainedTopics: Sendable where Payload: Sendable {}
