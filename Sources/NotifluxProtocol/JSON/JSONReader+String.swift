/// Strings: one copy when there is no escape in them, which is how nearly all come.
extension JSONReader {
  /// The position is at the opening quote.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    skipPlain()
    if peek == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<position]), from: start)
    }
    return try escapedString(from: start)
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var content = Array(bytes[start..<position])
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try text(content, from: start)
      case UInt8(ascii: "\\"):
        try escape(into: &content)
      case 0..<0x20:
        throw failure(.controlCharacter)
      default:
        let run = position
        skipPlain()
        content.append(contentsOf: bytes[run..<position])
      }
    }
    throw expected("the end of a string")
  }

  /// The position is at the backslash.
  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    let start = position
    position += 1
    guard let byte = peek else { throw expected("the rest of an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "u"): content.append(contentsOf: String(try scalar(startingAt: start)).utf8)
    default: throw failure(.invalidEscape, at: start)
    }
  }

  /// The position is behind `\u`.
  private mutating func scalar(startingAt start: Int) throws(JSONError) -> Unicode.Scalar {
    let first = try hexQuad()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw failure(.unpairedSurrogate, at: start) }
    position += 2
    let second = try hexQuad()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw failure(.unpairedSurrogate, at: start) }
    return scalar
  }

  private mutating func hexQuad() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek else { throw expected("a hexadecimal digit") }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: throw expected("a hexadecimal digit")
      }
      position += 1
    }
    return value
  }

  /// Moves to the next quote, backslash or control character, or to the end; eight bytes at a time while it can.
  private mutating func skipPlain() {
    while position + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
      guard Self.hasSpecial(word) else {
        position += 8
        continue
      }
      break
    }
    while position < bytes.count {
      let byte = bytes[position]
      if byte < 0x20 || byte == 0x22 || byte == 0x5C { return }
      position += 1
    }
  }

  /// Whether one of the eight bytes is below 0x20, a quote or a backslash.
  private static func hasSpecial(_ word: UInt64) -> Bool {
    let ones: UInt64 = 0x0101_0101_0101_0101
    let tops: UInt64 = 0x8080_8080_8080_8080
    let quote = word ^ (ones &* 0x22)
    let backslash = word ^ (ones &* 0x5C)
    let below = (word &- ones &* 0x20) & ~word
    let quotes = (quote &- ones) & ~quote
    let backslashes = (backslash &- ones) & ~backslash
    return (below | quotes | backslashes) & tops != 0
  }

  /// `content` is what stands between the quotes from `start` on, escapes resolved.
  private func text(_ content: some Sequence<UInt8>, from start: Int) throws(JSONError) -> String {
    guard let text = String(validating: content, as: UTF8.self) else {
      throw failure(.invalidUTF8, at: firstInvalidByte(from: start))
    }
    return text
  }

  /// An escape is ASCII and cannot complete a sequence, so the bytes as they came are wrong at the same place.
  private func firstInvalidByte(from start: Int) -> Int {
    var parser = UTF8.ForwardParser()
    var rest = bytes[start...].makeIterator()
    var offset = start
    while case .valid(let sequence) = parser.parseScalar(from: &rest) { offset += sequence.count }
    return offset
  }
}
