import NotifluxProtocol

/// That a token opened a topic for publishing a while ago: for who publishes the same way again. It is good for a minute
/// at most, so that the table of remembered tokens keeps knowing which of them are in use.
struct Grant: Sendable {
  let topic: Topic
  /// The bytes of the topic, and then of the token: side by side, since they lie in no cache when they are needed.
  private let bytes: [UInt8]
  /// When it was given, and until when it is good, in seconds since 1970: never longer than the token.
  let given: Double
  let until: Double
  /// Of the keys and revocations.
  let generation: Int

  init(topic: Topic, token: String, given: Double, until: Double, generation: Int) {
    self.topic = topic
    self.given = given
    self.until = until
    self.generation = generation
    bytes = Array(topic.text.utf8) + Array(token.utf8)
  }

  /// Whether it is for this topic and this token, byte for byte.
  func covers(_ topic: UnsafeRawBufferPointer, _ token: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count == topic.count + token.count, self.topic.text.utf8.count == topic.count else { return false }
    return bytes.withUnsafeBytes { bytes in
      UnsafeRawBufferPointer(rebasing: bytes[..<topic.count]).hasSameBytes(as: topic)
        && Self.isEqual(UnsafeRawBufferPointer(rebasing: bytes[topic.count...]), token)
    }
  }

  /// Of tokens of one length, and always as long: who guesses at another's token learns nothing from the time it takes.
  private static func isEqual(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
    var difference: UInt8 = 0
    for index in left.indices { difference |= left[index] ^ right[index] }
    return difference == 0
  }

  func isSame(as other: Grant) -> Bool { topic == other.topic && bytes == other.bytes }
}
