/// Strings: found in one pass and copied in one go when there is no escape in them, which is how nearly all come.
extension JSONReader {
  /// The text of a string.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    let isASCII = skipPlain()
    guard peek == UInt8(ascii: "\"") else { return try escapedString(from: start) }
    position += 1
    return try text(bytes(start..<position - 1), isASCII: isASCII, from: start)
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

  /// The position is at the first byte that cannot be copied as it is.
  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var content = [UInt8](bytes(start..<position))
    // A closure's typed throw does not pass through the allocation, its result does.
    let result = withUnsafeTemporaryAllocation(byteCount: 1024, alignment: 8) { room in
      Result { () throws(JSONError) in try resolve(into: &content, by: room) }
    }
    try result.get()
    return try content.withUnsafeBufferPointer { (content) throws(JSONError) in
      try text(UnsafeRawBufferPointer(content), isASCII: false, from: start)
    }
  }

  /// Moves behind the quote that ends the string, and appends what it means up to there. Piece by piece in `room`: to
  /// append each escape by itself takes several times as long.
  private mutating func resolve(
    into content: inout [UInt8], by room: UnsafeMutableRawBufferPointer
  ) throws(JSONError) {
    repeat {
      let filled = try resolve(into: room)
      content.append(contentsOf: UnsafeRawBufferPointer(rebasing: room[..<filled]))
      if peek == nil { throw expected("the end of a string") }
    } while peek != UInt8(ascii: "\"")
    position += 1
  }

  /// Moves to the end of the string, or as far as there is room for what it means. Returns how many bytes that are.
  private mutating func resolve(into room: UnsafeMutableRawBufferPointer) throws(JSONError) -> Int {
    // The position is kept here meanwhile: for all the compiler knows, `room` might be where the reader is.
    var (filled, offset) = (0, position)
    // Each step writes eight bytes at the most.
    while filled <= room.count - 8, offset < count {
      let byte = byte(at: offset)
      if byte == UInt8(ascii: "\\") {
        if let scalar = unicodeEscape(at: offset) {
          filled &+= Self.put(scalar, into: room, at: filled)
          offset &+= 6
        } else if let meaning = shortEscape(at: offset) {
          room[filled] = meaning
          filled &+= 1
          offset &+= 2
        } else {
          position = offset
          filled &+= Self.put(try unusualEscape(), into: room, at: filled)
          offset = position
        }
      } else if byte == UInt8(ascii: "\"") {
        break
      } else if byte < 0x20 {
        throw failure(.controlCharacter, at: offset)
      } else if count - offset >= 8 {
        // What is copied too much is written over.
        room.storeBytes(of: load(UInt64.self, at: offset), toByteOffset: filled, as: UInt64.self)
        let plain = plainCount(at: offset)
        filled &+= plain
        offset &+= plain
      } else {
        room[filled] = byte
        filled &+= 1
        offset &+= 1
      }
    }
    position = offset
    return filled
  }

  /// What the escape of four digits means that stands there; `nil` where none does, or one that is no scalar.
  @inline(__always)
  private func unicodeEscape(at offset: Int) -> Unicode.Scalar? {
    guard count - offset >= 6, byte(at: offset + 1) == UInt8(ascii: "u") else { return nil }
    return Self.hexQuad(UInt32(bigEndian: load(UInt32.self, at: offset + 2))).flatMap { Unicode.Scalar($0) }
  }

  /// What the escape of one letter means that stands there; `nil` where none does.
  @inline(__always)
  private func shortEscape(at offset: Int) -> UInt8? {
    guard count - offset >= 2 else { return nil }
    let letter = byte(at: offset + 1)
    return switch letter {
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "t"): 0x09
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "r"): 0x0D
    default: nil
    }
  }

  /// A surrogate pair, or what is no escape. The position is at the backslash.
  private mutating func unusualEscape() throws(JSONError) -> Unicode.Scalar {
    let start = position
    position += 1
    guard let byte = peek else { throw expected("the rest of an escape") }
    guard byte == UInt8(ascii: "u") else { throw failure(.invalidEscape, at: start) }
    position += 1
    return try scalar(startingAt: start)
  }

  /// Writes UTF-8, and returns how many bytes that are.
  @inline(__always)
  private static func put(
    _ scalar: Unicode.Scalar, into room: UnsafeMutableRawBufferPointer, at offset: Int
  ) -> Int {
    func continuation(_ bits: UInt32) -> UInt8 { 0x80 | UInt8(truncatingIfNeeded: bits & 0x3F) }
    let value = scalar.value
    switch value {
    case 0..<0x80:
      room[offset] = UInt8(truncatingIfNeeded: value)
      return 1
    case 0x80..<0x800:
      room[offset] = 0xC0 | UInt8(truncatingIfNeeded: value >> 6)
      room[offset + 1] = continuation(value)
      return 2
    case 0x800..<0x1_0000:
      room[offset] = 0xE0 | UInt8(truncatingIfNeeded: value >> 12)
      room[offset + 1] = continuation(value >> 6)
      room[offset + 2] = continuation(value)
      return 3
    default:
      room[offset] = 0xF0 | UInt8(truncatingIfNeeded: value >> 18)
      room[offset + 1] = continuation(value >> 12)
      room[offset + 2] = continuation(value >> 6)
      room[offset + 3] = continuation(value)
      return 4
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
    guard count - position >= 4, let value = Self.hexQuad(UInt32(bigEndian: load(UInt32.self, at: position))) else {
      while let byte = peek, Self.isHexDigit(byte) { position += 1 }
      throw expected("a hexadecimal digit")
    }
    position += 4
    return value
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
      UInt8(ascii: "A")...UInt8(ascii: "F"):
      true
    default: false
    }
  }

  /// What four hexadecimal digits mean, the first one in the highest byte; all are looked at together.
  @inline(__always)
  private static func hexQuad(_ digits: UInt32) -> UInt32? {
    // In `lower` letters are in lower case. A top bit is set where a byte is 0 to 9, or a to f: adding makes the first
    // of a range reach 0x80, and what is behind the range too, which is taken away. Nothing carries into a neighbour.
    let ascii = digits & 0x7F7F_7F7F
    let lower = ascii | 0x2020_2020
    let decimal = (ascii &+ 0x5050_5050) & ~(ascii &+ 0x4646_4646)
    let letter = (lower &+ 0x1F1F_1F1F) & ~(lower &+ 0x1919_1919)
    guard (decimal | letter) & ~digits & 0x8080_8080 == 0x8080_8080 else { return nil }
    var value = (digits & 0x0F0F_0F0F) &+ ((digits &>> 6) & 0x0101_0101) &* 9
    value = (value | value &>> 4) & 0x00FF_00FF
    return (value | value &>> 8) & 0xFFFF
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
