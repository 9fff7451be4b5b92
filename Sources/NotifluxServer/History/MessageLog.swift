import NotifluxProtocol

/// The hub's one ordered log: numbers every message and retains a bounded history of each topic, from which readers
/// continue after a position. Pure: the clock and the lock are the caller's.
///
/// What is let go is never forgotten silently. A topic with a retained message knows exactly how far its past is lost.
/// A topic without one costs nothing; the log remembers for all of these together the highest number any of them has
/// lost, and takes each for having lost everything up to there. As age and bytes let go of the oldest message first,
/// that number is older than all that is retained: a reader not further behind than the history reaches back is never
/// told of a loss that was none. The exception is a log that retains nothing, or a message too large to be retained.
struct MessageLog<Payload: LogPayload> {
  let limits: HistoryLimits
  /// The number of the last message, 0 before the first. The next one gets `head + 1`.
  private(set) var head: UInt64 = 0
  /// What is retained, with the overhead ``HistoryLimits`` names; never above `limits.bytes`.
  private(set) var byteCount = 0
  private(set) var messageCount = 0
  private(set) var evictions = EvictionCounts()
  private(set) var topics = RetainedTopics<Payload>()
  private(set) var queue = EvictionQueue()
  /// The highest number lost of any topic without a record.
  private(set) var forgottenThrough: UInt64 = 0
  private var clock = -Double.infinity

  init(limits: HistoryLimits) { self.limits = limits }

  /// Topics of which something is retained.
  var topicCount: Int { topics.count }

  /// Numbers the message, retains it, and lets go what is over the limits. `now` in seconds; a clock that goes back
  /// stands still instead. Amortised O(1), without an allocation where the topic's history is full.
  @discardableResult
  mutating func append(_ payload: Payload, to topic: Topic, now: Double) -> UInt64 {
    expire(now: now)
    head += 1
    let cost = Self.cost(payload)
    guard limits.retainsAnything else {
      forgottenThrough = head
      return head
    }
    guard cost <= limits.bytes - Self.cost(topic) else {
      letPass(topic)
      return head
    }
    let slot = topics.slot(of: topic) ?? admit(topic)
    if topics.messageCount(slot) >= limits.messagesPerTopic {
      removeFirst(slot)
      evictions.count += 1
      queue.oneDied(in: topics)
    }
    topics.append(RetainedMessage(sequence: head, payload: payload), slot, limit: limits.messagesPerTopic)
    queue.append(EvictionQueue.Entry(sequence: head, time: clock, slot: slot))
    messageCount += 1
    byteCount += cost
    while byteCount > limits.bytes, let oldest = queue.first(in: topics) {
      evict(oldest)
      evictions.bytes += 1
    }
    return head
  }

  /// Lets go of every message that has reached its lifetime. O(1) for each that goes.
  mutating func expire(now: Double) {
    clock = max(clock, now)
    while let oldest = queue.first(in: topics), clock >= oldest.time + limits.lifetime {
      evict(oldest)
      evictions.age += 1
    }
  }

  private static func cost(_ payload: Payload) -> Int { payload.byteCount + HistoryLimits.messageOverhead }

  private static func cost(_ topic: Topic) -> Int { topic.text.utf8.count + HistoryLimits.topicOverhead }

  private mutating func admit(_ topic: Topic) -> Int32 {
    byteCount += Self.cost(topic)
    return topics.insert(topic, lostThrough: forgottenThrough)
  }

  /// The last message of `topic` does not fit even alone. What the topic has is let go with it, so that its history
  /// has no hole; the other topics keep theirs.
  private mutating func letPass(_ topic: Topic) {
    evictions.bytes += 1
    if let slot = topics.slot(of: topic) {
      while removeFirst(slot) {
        evictions.bytes += 1
        queue.oneDied(in: topics)
      }
      forget(slot)
    }
    forgottenThrough = head
  }

  private mutating func evict(_ oldest: EvictionQueue.Entry) {
    queue.removeFirst()
    removeFirst(oldest.slot)
    if topics.messageCount(oldest.slot) == 0 { forget(oldest.slot) }
  }

  /// Lets go of a topic's oldest message; false when it has none.
  @discardableResult
  private mutating func removeFirst(_ slot: Int32) -> Bool {
    guard let message = topics.removeFirst(slot) else { return false }
    messageCount -= 1
    byteCount -= Self.cost(message.payload)
    return true
  }

  private mutating func forget(_ slot: Int32) {
    guard let (topic, lostThrough) = topics.remove(slot) else { return }
    forgottenThrough = max(forgottenThrough, lostThrough)
    byteCount -= Self.cost(topic)
    // Paid for by the topics that went: a queue much longer than the slots would cost more than it gives back.
    if topics.isSparse, queue.count <= topics.slotCount * 8 {
      let before = topics
      let moved = topics.compact()
      queue.follow(moved) { EvictionQueue.isAlive($0, in: before) }
    }
  }
}

extension MessageLog: Sendable where Payload: Sendable {}
