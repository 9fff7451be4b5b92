/// The search for the end of a string: many bytes at a time, all of a word's bytes at once.
///
/// In `word ^ 0x2222…`, a byte that was a quote is 0, and subtracting 1 from every byte sets the top bit of those that
/// were 0 and are ASCII. A borrow goes from such a byte upwards only: the lowest top bit that is set is always right.
extension JSONReader {
  /// Moves to the next quote, backslash or control character, or to the end. Returns whether all bytes on the way are
  /// ASCII.
  @discardableResult
  mutating func skipPlain() -> Bool {
    var offset = position
    if count - offset >= 64 { skipVectors(&offset) }
    while count - offset >= 8 {
      let found = Self.special(word(at: offset)) & Self.tops
      if found != 0 {
        position = offset + found.trailingZeroBitCount >> 3
        return byte(at: position) < 0x80 ? true : skipPlainUnicode()
      }
      offset += 8
    }
    position = offset
    while let byte = peek, !Self.isSpecial(byte) {
      guard byte < 0x80 else { return skipPlainUnicode() }
      position += 1
    }
    return true
  }

  /// Like `skipPlain` where bytes that are not ASCII are to be expected; returns false.
  private mutating func skipPlainUnicode() -> Bool {
    while count - position >= 8 {
      let word = word(at: position)
      let found = Self.special(word) & ~word & Self.tops
      guard found == 0 else {
        position += found.trailingZeroBitCount >> 3
        return false
      }
      position += 8
    }
    while let byte = peek, !Self.isSpecial(byte) { position += 1 }
    return false
  }

  /// How many of the eight bytes at `offset`, which must be there, come before the first special one.
  @inline(__always)
  func plainCount(at offset: Int) -> Int {
    let word = word(at: offset)
    return (Self.special(word) & ~word & Self.tops).trailingZeroBitCount >> 3
  }

  /// Moves on while the next 32 bytes are plain ASCII. Names and numbers end within the first 8; they are not worth it.
  private func skipVectors(_ offset: inout Int) {
    guard Self.special(word(at: offset)) & Self.tops == 0 else { return }
    let last = count - 32
    while offset <= last {
      let left = Self.special(load(SIMD2<UInt64>.self, at: offset))
      let right = Self.special(load(SIMD2<UInt64>.self, at: offset &+ 16))
      let both = left | right
      guard (both[0] | both[1]) & Self.tops == 0 else { return }
      offset &+= 32
    }
  }

  /// Whether a byte cannot stand in a string as it is.
  static func isSpecial(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x22 || byte == 0x5C }

  private func word(at offset: Int) -> UInt64 { UInt64(littleEndian: load(UInt64.self, at: offset)) }

  /// The top bit of the lowest byte that is special or not ASCII is set; what is above it means nothing.
  private static func special(_ word: UInt64) -> UInt64 {
    ((word ^ quotes) &- ones) | ((word ^ backslashes) &- ones) | (word &- blanks) | word
  }

  /// The same for two words at once; as good for asking whether there is any such byte.
  private static func special(_ words: SIMD2<UInt64>) -> SIMD2<UInt64> {
    let ones = SIMD2(repeating: ones)
    return ((words ^ SIMD2(repeating: quotes)) &- ones) | ((words ^ SIMD2(repeating: backslashes)) &- ones)
      | (words &- SIMD2(repeating: blanks)) | words
  }

  private static let ones: UInt64 = 0x0101_0101_0101_0101
  private static let tops: UInt64 = 0x8080_8080_8080_8080
  private static let quotes: UInt64 = 0x2222_2222_2222_2222
  private static let backslashes: UInt64 = 0x5C5C_5C5C_5C5C_5C5C
  private static let blanks: UInt64 = 0x2020_2020_2020_2020
}
