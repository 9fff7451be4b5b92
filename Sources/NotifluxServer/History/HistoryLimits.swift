/// What a ``MessageLog`` may retain.
public struct HistoryLimits: Sendable, Equatable {
  /// Messages retained of one topic; 0 retains nothing at all.
  public var messagesPerTopic: Int
  /// Seconds a message is retained: at `time + lifetime` it is gone. 0 retains nothing at all.
  public var lifetime: Double
  /// Bytes retained over all topics, the constants below included; 0 retains nothing at all.
  public var bytes: Int

  /// All three limits hold at once.
  public init(messagesPerTopic: Int, lifetime: Double, bytes: Int) {
    self.messagesPerTopic = messagesPerTopic
    self.lifetime = lifetime
    self.bytes = bytes
  }

  var retainsAnything: Bool { messagesPerTopic > 0 && lifetime > 0 && bytes > 0 }

  /// Bytes a retained message is charged beside its own: its place in the topic's history and in the order of eviction,
  /// each array up to twice as long as needed, and one heap block for its text. Measured as resident memory of a history
  /// filled to 64 MiB with messages of 0 to 1000 bytes: 80 to 173.
  static let messageOverhead = 176
  /// Bytes a topic with a retained message is charged beside its name: its slot, its entry in the hash table and the
  /// heap blocks of its name and its history. Measured with one message in each of 48,000 to 165,000 topics: 150 to 220.
  static let topicOverhead = 224
}

/// What a ``MessageLog`` retains for a message.
protocol LogPayload {
  /// The bytes of the message's text, in every form in which it is kept. Must not change while the log holds it.
  var byteCount: Int { get }
}

/// How many retained messages were let go, by the limit that asked for it.
struct EvictionCounts: Sendable, Equatable {
  var count: UInt64 = 0
  var age: UInt64 = 0
  /// Includes a message too large to be retained in the first place.
  var bytes: UInt64 = 0
}
