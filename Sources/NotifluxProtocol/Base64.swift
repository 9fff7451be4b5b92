/// Base64url without padding, as JOSE uses it (RFC 4648 §5, RFC 7515 §2). Only the one canonical text of some bytes is
/// read: no padding, no white space, no set bits after the last byte.
package enum Base64URL {
  /// The text of `bytes`, without padding.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Base64Alphabet.url.encode(Array(bytes), padded: false), as: UTF8.self)
  }

  /// The bytes of a canonical text. Throws at the first byte that a canonical text would not have.
  package static func decode(_ text: some Sequence<UInt8>) throws(Base64Error) -> [UInt8] {
    try decode(Array(text)[...])
  }

  /// The bytes of a canonical text; without a copy of it.
  package static func decode(_ text: ArraySlice<UInt8>) throws(Base64Error) -> [UInt8] {
    try text.withUnsafeBufferPointer { (text) throws(Base64Error) in try Base64Alphabet.url.decode(text) }
  }

  /// The bytes of a canonical text.
  package static func decode(_ text: String) throws(Base64Error) -> [UInt8] {
    try decode(Array(text.utf8)[...])
  }
}

/// Base64 with `+` and `/` (RFC 4648 §4), as it stands in PEM files and environment variables.
package enum Base64 {
  /// The text of `bytes` on one line, padded.
  package static func encode(_ bytes: some Sequence<UInt8>) -> String {
    String(decoding: Base64Alphabet.standard.encode(Array(bytes), padded: true), as: UTF8.self)
  }

  /// The bytes of a text that may be broken by white space anywhere and may leave its padding away; what padding there
  /// is must be right, and the bits after the last byte must be zero.
  package static func decode(_ text: some Sequence<UInt8>) throws(Base64Error) -> [UInt8] {
    var digits: [UInt8] = []
    var origins: [Int] = []
    var padding = 0
    for (offset, byte) in text.enumerated() where !isSpace(byte) {
      if byte == UInt8(ascii: "=") {
        padding += 1
      } else if padding > 0 {
        throw Base64Error(reason: .characterAfterPadding, offset: offset)
      } else {
        digits.append(byte)
        origins.append(offset)
      }
    }
    guard padding == 0 || (digits.count + padding) % 4 == 0 && padding <= 2 else {
      throw Base64Error(reason: .padding, offset: origins.last.map { $0 + 1 } ?? 0)
    }
    do {
      return try digits.withUnsafeBufferPointer { (digits) throws(Base64Error) in
        try Base64Alphabet.standard.decode(digits)
      }
    } catch {
      let offset = error.offset < origins.count ? origins[error.offset] : (origins.last.map { $0 + 1 } ?? 0)
      throw Base64Error(reason: error.reason, offset: offset)
    }
  }

  /// The bytes of a text that may be broken by white space.
  package static func decode(_ text: String) throws(Base64Error) -> [UInt8] {
    try decode(Array(text.utf8))
  }

  private static func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0D).contains(byte)
  }
}

/// Where and why a text is not the base64 that was asked for.
package struct Base64Error: Error, Sendable, Equatable {
  package enum Reason: Sendable, Equatable {
    case character
    case padding
    case characterAfterPadding
    case length
    case trailingBits
  }

  package let reason: Reason
  /// Counted in bytes from the start of the text.
  package let offset: Int

  /// For a person; quotes nothing of the text, which may be secret.
  package var message: String {
    switch reason {
    case .character: "a character that does not belong there at byte \(offset)"
    case .padding: "wrong padding at byte \(offset)"
    case .characterAfterPadding: "more text after the padding at byte \(offset)"
    case .length: "an incomplete last group at byte \(offset) (is the text cut off?)"
    case .trailingBits: "stray bits in the last character at byte \(offset) (is the text cut off?)"
    }
  }
}

/// The two alphabets of RFC 4648, which differ in digits 62 and 63 only.
private struct Base64Alphabet {
  let digit62: UInt8
  let digit63: UInt8
  /// The value of every byte, 255 for what is no digit.
  private let values: [UInt8]

  init(digit62: UInt8, digit63: UInt8) {
    self.digit62 = digit62
    self.digit63 = digit63
    values = (UInt8.min...UInt8.max).map { Self.value($0, digit62, digit63) ?? 255 }
  }

  static let url = Base64Alphabet(digit62: UInt8(ascii: "-"), digit63: UInt8(ascii: "_"))
  static let standard = Base64Alphabet(digit62: UInt8(ascii: "+"), digit63: UInt8(ascii: "/"))

  func encode(_ bytes: [UInt8], padded: Bool) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var start = 0
    while start < bytes.count {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 {
        group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0)
      }
      for index in 0...count {
        text.append(digit(UInt8(truncatingIfNeeded: group >> UInt32(18 - 6 * index) & 63)))
      }
      if padded { text.append(contentsOf: repeatElement(UInt8(ascii: "="), count: 3 - count)) }
      start += 3
    }
    return text
  }

  func decode(_ text: UnsafeBufferPointer<UInt8>) throws(Base64Error) -> [UInt8] {
    var (bytes, taken) = decodeGroups(text)
    var group: UInt32 = 0
    for offset in taken..<text.count {
      let byte = text[offset]
      guard let value = value(byte) else {
        throw Base64Error(reason: byte == UInt8(ascii: "=") ? .padding : .character, offset: offset)
      }
      group = group << 6 | UInt32(value)
    }
    let last = text.count - 1
    switch text.count % 4 {
    case 1:
      throw Base64Error(reason: .length, offset: last)
    case 2:
      guard group & 0xF == 0 else { throw Base64Error(reason: .trailingBits, offset: last) }
      bytes.append(UInt8(truncatingIfNeeded: group >> 4))
    case 3:
      guard group & 0x3 == 0 else { throw Base64Error(reason: .trailingBits, offset: last) }
      bytes.append(UInt8(truncatingIfNeeded: group >> 10))
      bytes.append(UInt8(truncatingIfNeeded: group >> 2))
    default: break
    }
    return bytes
  }

  /// The bytes of the groups of four digits at the start, and how many digits these are; stops at the last group and
  /// before one that is not made of digits alone.
  private func decodeGroups(_ text: UnsafeBufferPointer<UInt8>) -> (bytes: [UInt8], taken: Int) {
    var taken = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3 + 3) { bytes, count in
      values.withUnsafeBufferPointer { values in
        while taken + 4 <= text.count {
          let (first, second) = (values[Int(text[taken])], values[Int(text[taken + 1])])
          let (third, fourth) = (values[Int(text[taken + 2])], values[Int(text[taken + 3])])
          guard first | second | third | fourth < 64 else { return }
          bytes[count] = first << 2 | second >> 4
          bytes[count + 1] = second << 4 | third >> 2
          bytes[count + 2] = third << 6 | fourth
          count += 3
          taken += 4
        }
      }
    }
    return (bytes, taken)
  }

  private func digit(_ value: UInt8) -> UInt8 {
    switch value {
    case 0..<26: UInt8(ascii: "A") + value
    case 26..<52: UInt8(ascii: "a") + value - 26
    case 52..<62: UInt8(ascii: "0") + value - 52
    case 62: digit62
    default: digit63
    }
  }

  private func value(_ digit: UInt8) -> UInt8? {
    let value = values[Int(digit)]
    return value < 64 ? value : nil
  }

  private static func value(_ digit: UInt8, _ digit62: UInt8, _ digit63: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): digit - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): digit - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0") + 52
    case digit62: 62
    case digit63: 63
    default: nil
    }
  }
}
