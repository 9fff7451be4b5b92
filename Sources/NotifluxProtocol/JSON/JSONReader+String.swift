/// Strings: found in one pass and copied in one go when there is no escape in them, which is how nearly all come.
extension JSONReader {
  /// A text that is written like `known` is not made again.
  mutating func string(like known: String? = nil) throws(JSONError) -> String {
    position += 1
    let start = position
    let isASCII = skipPlain()
    guard peek == UInt8(ascii: "\"") else { return try escapedString(from: start) }
    position += 1
    let content = bytes(start..<position - 1)
    if let known, known.hasSameBytes(as: content) { return known }
    return try text(content, isASCII: isASCII, from: start)
  }

  /// Like `string`, without the text.
  mutating func skipString() throws(JSONError) {
    let start = position
    position += 1
    if skipPlain(), peek == UInt8(ascii: "\"") {
      position += 1
    } else {
      position = start
      _ = try string()
    }
  }

  /// Like `string`, for a member's name.
  mutating func name() throws(JSONError) -> JSONName {
    let start = position
    position += 1
    if skipPlain(), peek == UInt8(ascii: "\"") {
      position += 1
      return JSONName(plain: bytes(start..<position))
    }
    position = start
    let text = try string()
    return JSONName(bytes(start..<position), meaning: text)
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var content = Array(bytes(start..<position))
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try content.withUnsafeBufferPointer { (content) throws(JSONError) in
          try text(UnsafeRawBufferPointer(content), isASCII: false, from: start)
        }
      case UInt8(ascii: "\\"):
        try escape(into: &content)
      case 0..<0x20:
        throw failure(.controlCharacter)
      default:
        let run = position
        skipPlain()
        content.append(contentsOf: bytes(run..<position))
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
    case UInt8(ascii: "u"):
      let scalar = try scalar(startingAt: start)
      // Byte by byte: to append a sequence takes ten times as long.
      for byte in UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter { content.append(byte) }
    default: throw failure(.invalidEscape, at: start)
    }
  }

  /// The position is behind `\u`.
  private mutating func scalar(startingAt start: Int) throws(JSONError) -> Unicode.Scalar {
    let first = try hexQuad()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, position + 1 < count, byte(at: position) == UInt8(ascii: "\\"),
      byte(at: position + 1) == UInt8(ascii: "u")
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

  /// `content` is what stands between the quotes from `start` on, escapes resolved.
  private func text(
    _ content: UnsafeRawBufferPointer, isASCII: Bool, from start: Int
  ) throws(JSONError) -> String {
    let text = String(decoding: content, as: UTF8.self)
    // Where bytes are not UTF-8, decoding puts something else in their place.
    guard isASCII || text.hasSameBytes(as: content) else {
      throw failure(.invalidUTF8, at: firstInvalidByte(from: start))
    }
    return text
  }

  /// An escape is ASCII and cannot complete a sequence, so the bytes as they came are wrong at the same place.
  private func firstInvalidByte(from start: Int) -> Int {
    var parser = UTF8.ForwardParser()
    var rest = bytes(start..<count).makeIterator()
    var offset = start
    while case .valid(let sequence) = parser.parseScalar(from: &rest) { offset += sequence.count }
    return offset
  }
}
