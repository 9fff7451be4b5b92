/// The name messages are published under and subscribed to: a non-empty text of at most 255 UTF-8 bytes without
/// control characters (Unicode category Cc). Valid by construction; compared and hashed byte for byte, so that two
/// spellings of one accented letter are two topics.
public struct Topic: Sendable {
  /// The most UTF-8 bytes a topic may have.
  public static let maximumLength = 255

  /// The topic as it was given.
  public let text: String

  /// Throws a ``Refusal`` with the code ``ErrorCode/topicInvalid`` that names the rule the text breaks.
  public init(_ text: String) throws(Refusal) {
    var text = text
    text.makeContiguousUTF8()
    let length = text.utf8.count
    guard length > 0 else { throw .invalidTopic("the topic is empty; give it a name") }
    guard length <= Self.maximumLength else {
      throw .invalidTopic("the topic has \(length) bytes; at most \(Self.maximumLength) are allowed")
    }
    let isPlain = text.withUTF8 { $0.allSatisfy { (0x20..<0x7F).contains($0) } }
    if !isPlain, let scalar = text.unicodeScalars.first(where: Self.isControl) {
      let code = String(scalar.value, radix: 16, uppercase: true)
      let name = "U+" + String(repeating: "0", count: 4 - code.count) + code
      throw .invalidTopic("the topic holds the control character \(name); remove it")
    }
    self.text = text
  }

  /// Whether the text commands, whose words are parted by a blank, can carry this topic.
  public var fitsTextCommands: Bool {
    !text.utf8.contains(UInt8(ascii: " ")) && text.unicodeScalars.last?.properties.isWhitespace != true
  }

  /// Category Cc is exactly U+0000–U+001F and U+007F–U+009F.
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }
}

extension Topic: Hashable {
  /// Whether both are the same bytes.
  public static func == (left: Topic, right: Topic) -> Bool { left.text.hasSameBytes(as: right.text) }

  /// Hashes the bytes.
  public func hash(into hasher: inout Hasher) {
    var text = text
    text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
  }
}

extension Topic: CustomStringConvertible {
  /// The topic as it was given.
  public var description: String { text }
}

extension Refusal {
  static func invalidTopic(_ message: String) -> Refusal { Refusal(.topicInvalid, message) }
}
