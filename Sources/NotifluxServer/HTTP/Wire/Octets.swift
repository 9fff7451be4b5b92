import Glibc

/// The classes of bytes that HTTP's grammar is made of.
enum Octet {
  static let tab = UInt8(ascii: "\t")
  static let lineFeed = UInt8(ascii: "\n")
  static let carriageReturn = UInt8(ascii: "\r")
  static let space = UInt8(ascii: " ")

  /// What a token may hold (`tchar`, RFC 9110 §5.6.2): one bit a byte.
  @inline(__always)
  static func isToken(_ byte: UInt8) -> Bool {
    let set: UInt64 = byte & 0x40 == 0 ? 0x03FF_6CFA_0000_0000 : 0x57FF_FFFF_C7FF_FFFE
    return byte < 0x80 && (set &>> UInt64(byte)) & 1 == 1
  }

  /// What stands in the names of hosts (`reg-name`, RFC 3986 §3.2.2): one bit a byte.
  @inline(__always)
  static func isHost(_ byte: UInt8) -> Bool {
    let set: UInt64 = byte & 0x40 == 0 ? 0x2BFF_7FF2_0000_0000 : 0x47FF_FFFE_87FF_FFFE
    return byte < 0x80 && (set &>> UInt64(byte)) & 1 == 1
  }

  /// What a field value may hold (`field-vchar`, blanks and tabs, RFC 9110 §5.5).
  @inline(__always)
  static func isValue(_ byte: UInt8) -> Bool { byte >= 0x20 && byte != 0x7F || byte == tab }

  @inline(__always)
  static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

  static func hexadecimal(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}

/// Bytes in memory that somebody else owns.
typealias Bytes = UnsafeBufferPointer<UInt8>

/// Comparisons with what is written in the code, and searches. Offsets must be 0 to `count`: bounds are not checked.
extension Bytes {
  init(_ bytes: UnsafeRawBufferPointer) { self = bytes.bindMemory(to: UInt8.self) }

  @inline(__always)
  subscript(part range: Range<Int>) -> Bytes {
    Bytes(start: baseAddress.map { $0 + range.lowerBound }, count: range.count)
  }

  /// Whether these are the bytes of `text`.
  func hasBytes(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let baseAddress else { return isEmpty && text.utf8CodeUnitCount == 0 }
    return memcmp(baseAddress, text.utf8Start, count) == 0
  }

  /// Whether these bytes, none of which is a control character, are those of `text`, which holds no upper-case letter
  /// and none of ``[\]^_`{|}~``, but for the case of ASCII letters.
  @inline(__always)
  func hasBytesIgnoringCase(_ text: StaticString) -> Bool {
    guard count == text.utf8CodeUnitCount, let bytes = UnsafeRawPointer(baseAddress) else { return false }
    let expected = UnsafeRawPointer(text.utf8Start)
    // With bit 5 set, a letter is in lower case, and what may stand in `text` besides is what it was.
    guard count >= 8 else {
      for index in 0..<count where self[index] | 0x20 != text.utf8Start[index] { return false }
      return true
    }
    var offset = 0
    while true {
      let word = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self) | 0x2020_2020_2020_2020
      guard word == expected.loadUnaligned(fromByteOffset: offset, as: UInt64.self) else { return false }
      guard offset < count - 8 else { return true }
      offset = Swift.min(offset + 8, count - 8)
    }
  }

  /// `range` without the blanks and tabs at its ends.
  @inline(__always)
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, Octet.isBlank(self[start]) { start &+= 1 }
    while end > start, Octet.isBlank(self[end &- 1]) { end &-= 1 }
    return start..<end
  }

  /// Where `byte` is for the first time from `start` on.
  func firstOffset(of byte: UInt8, from start: Int) -> Int? {
    guard let baseAddress, start < count else { return nil }
    guard let found = memchr(baseAddress + start, Int32(byte), count - start) else { return nil }
    return UnsafeRawPointer(baseAddress).distance(to: found)
  }

  /// The first offset from `start` on of what may not stand in a field value; `count` if there is none. Looks at eight
  /// bytes at a time.
  @inline(__always)
  func endOfValue(from start: Int) -> Int {
    guard let baseAddress else { return 0 }
    let bytes = UnsafeRawPointer(baseAddress)
    var index = start
    while index &+ 8 <= count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // The highest bit of a byte is set here where it is below 0x20, or 0x7F, and in some others after such a byte.
      let marks = ((word &- Repeated.space) | (word &+ Repeated.one)) & ~word & Repeated.highBit
      if marks != 0 {
        index &+= marks.trailingZeroBitCount &>> 3
        if !Octet.isValue(self[index]) { return index }
        index &+= 1
      } else {
        index &+= 8
      }
    }
    while index < count, Octet.isValue(self[index]) { index &+= 1 }
    return index
  }

  /// The first offset from `start` on of what may not stand in a token; `count` if there is none. Looks at eight bytes
  /// at a time, as long as they are letters and hyphens.
  @inline(__always)
  func endOfToken(from start: Int) -> Int {
    guard let baseAddress else { return 0 }
    let bytes = UnsafeRawPointer(baseAddress)
    var index = start
    while index &+ 8 <= count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      // The highest bit of a byte is set in `letters` where it is an ASCII letter, in `notHyphens` where it is not `-`.
      let lower = (word | Repeated.space) & ~Repeated.highBit
      let letters = (lower &+ Repeated.belowA) & ~(lower &+ Repeated.belowBrace)
      let notHyphens = ((word ^ Repeated.hyphen) & ~Repeated.highBit) &+ ~Repeated.highBit
      let others = (~letters & notHyphens | word) & Repeated.highBit
      if others != 0 {
        index &+= others.trailingZeroBitCount &>> 3
        break
      }
      index &+= 8
    }
    while index < count, Octet.isToken(self[index]) { index &+= 1 }
    return index
  }
}

/// The same byte eight times.
private enum Repeated {
  static var one: UInt64 { 0x0101_0101_0101_0101 }
  static var space: UInt64 { 0x2020_2020_2020_2020 }
  static var hyphen: UInt64 { 0x2D2D_2D2D_2D2D_2D2D }
  static var highBit: UInt64 { 0x8080_8080_8080_8080 }
  /// What makes `a` the first byte, and the brace after `z` the first, to reach 0x80.
  static var belowA: UInt64 { 0x1F1F_1F1F_1F1F_1F1F }
  static var belowBrace: UInt64 { 0x0505_0505_0505_0505 }
}

extension UnsafeRawBufferPointer {
  /// Takes the first `size` bytes, of which there must be so many, off the front.
  @inline(__always)
  mutating func take(_ size: Int) -> UnsafeRawBufferPointer {
    guard let baseAddress else { return self }
    let front = UnsafeRawBufferPointer(start: baseAddress, count: size)
    self = UnsafeRawBufferPointer(start: baseAddress + size, count: count - size)
    return front
  }
}
