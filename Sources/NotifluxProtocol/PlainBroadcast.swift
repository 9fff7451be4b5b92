/// The body of a publish as nearly all are written, taken apart in one pass: an object of texts without escapes, with
/// the members `topic` and `message`, perhaps `token`, and no other. What is not plain may be right all the same:
/// ``BroadcastRequest`` reads it by the whole grammar, and says what is wrong with it.
///
/// The parts are what stands between the quotes, valid as long as the body is. They may not be UTF-8.
package struct PlainBroadcast {
  package private(set) var topic = Self.nothing
  package private(set) var message = Self.nothing
  package private(set) var token: UnsafeRawBufferPointer?
  private var isASCII = true

  private static var nothing: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

  /// `nil` where `body` is not plain.
  package init?(_ body: UnsafeRawBufferPointer) {
    guard var scanner = PlainScanner(body), scanner.take(UInt8(ascii: "{")) else { return nil }
    var seen = PlainScanner.Text()
    repeat {
      guard scanner.text(&seen), seen.bytes.count < 8 else { return nil }
      let name = scanner.key(seen.bytes)
      guard scanner.take(UInt8(ascii: ":")), scanner.text(&seen) else { return nil }
      switch name {
      case Self.topicKey where topic.baseAddress == nil: topic = seen.bytes
      case Self.messageKey where message.baseAddress == nil:
        message = seen.bytes
        isASCII = seen.isASCII
      case Self.tokenKey where token == nil: token = seen.bytes
      default: return nil
      }
    } while scanner.take(UInt8(ascii: ","))
    guard scanner.take(UInt8(ascii: "}")), scanner.isAtEnd, topic.baseAddress != nil, message.baseAddress != nil
    else { return nil }
  }

  /// The message; `nil` where it is not UTF-8.
  package var text: String? {
    let text = String(decoding: message, as: UTF8.self)
    // Where bytes are not UTF-8, decoding puts something else in their place.
    return isASCII || text.hasSameBytes(as: message) ? text : nil
  }

  private static let topicKey = JSONName.key("topic")
  private static let messageKey = JSONName.key("message")
  private static let tokenKey = JSONName.key("token")
}

/// Goes over a body once, eight bytes at a time. Small on purpose: between two publishes, everything that is not small
/// has left the processor's caches.
private struct PlainScanner {
  struct Text {
    var bytes = UnsafeRawBufferPointer(start: nil, count: 0)
    var isASCII = true
  }

  private let start: UnsafeRawPointer
  private let count: Int
  private var position = 0

  /// `nil` for a body that is too short to be one.
  init?(_ body: UnsafeRawBufferPointer) {
    guard let start = body.baseAddress, body.count >= 8 else { return nil }
    self.start = start
    count = body.count
  }

  /// Whether nothing but white space is left.
  var isAtEnd: Bool { position == count }

  /// Takes a byte that must come next, and the white space around it.
  @inline(__always)
  mutating func take(_ byte: UInt8) -> Bool {
    skipSpace()
    guard position < count, start.load(fromByteOffset: position, as: UInt8.self) == byte else { return false }
    position &+= 1
    skipSpace()
    return true
  }

  @inline(__always)
  private mutating func skipSpace() {
    while position < count {
      let byte = start.load(fromByteOffset: position, as: UInt8.self)
      guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
      position &+= 1
    }
  }

  /// Takes a text without escapes, from its quote to its quote; false where none comes next.
  @inline(never)
  mutating func text(_ text: inout Text) -> Bool {
    guard position < count, start.load(fromByteOffset: position, as: UInt8.self) == UInt8(ascii: "\"") else {
      return false
    }
    position &+= 1
    let first = position
    var unicode: UInt64 = 0
    while position < count {
      let word = word(at: position)
      // A byte that was searched for is 0; taking 1 away sets the top bit of those that were 0 and are ASCII. What is
      // borrowed goes upwards only: the lowest top bit that is set is always right.
      let found =
        ((word ^ Self.quotes) &- Self.ones) | ((word ^ Self.backslashes) &- Self.ones) | (word &- Self.blanks)
      let special = found & ~word & Self.tops
      guard special != 0 else {
        unicode |= word
        position &+= 8
        continue
      }
      let length = special.trailingZeroBitCount &>> 3
      unicode |= word & ((1 &<< UInt64(length &* 8)) &- 1)
      position &+= length
      // Behind the last byte there are zeros, which are special too.
      guard position < count, start.load(fromByteOffset: position, as: UInt8.self) == UInt8(ascii: "\"") else {
        return false
      }
      text = Text(
        bytes: UnsafeRawBufferPointer(start: start + first, count: position &- first),
        isASCII: unicode & Self.tops == 0)
      position &+= 1
      return true
    }
    return false
  }

  /// The ``JSONName/key(_:)`` of a name of at most seven bytes that was taken.
  func key(_ name: UnsafeRawBufferPointer) -> UInt64 {
    guard let address = name.baseAddress else { return 0 }
    let length = UInt64(name.count)
    return (word(at: address - start) & ((1 &<< (length &* 8)) &- 1)) | (length &<< 56)
  }

  /// Eight bytes, the first one lowest, with zeros behind the last byte there is.
  @inline(__always)
  private func word(at offset: Int) -> UInt64 {
    let last = count &- 8
    let word = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: min(offset, last), as: UInt64.self))
    return offset > last ? word &>> (UInt64(offset &- last) &* 8) : word
  }

  private static var ones: UInt64 { 0x0101_0101_0101_0101 }
  private static var tops: UInt64 { 0x8080_8080_8080_8080 }
  private static var quotes: UInt64 { 0x2222_2222_2222_2222 }
  private static var backslashes: UInt64 { 0x5C5C_5C5C_5C5C_5C5C }
  private static var blanks: UInt64 { 0x2020_2020_2020_2020 }
}
