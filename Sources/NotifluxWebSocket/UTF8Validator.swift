/// Checks UTF-8 (RFC 3629) that arrives in pieces, and fails at the first byte that no continuation can mend, so that
/// a bad text is refused before it is complete (RFC 6455 §8.1).
struct UTF8Validator {
  /// How many continuation bytes the sequence under way still needs.
  private var missing: UInt8 = 0
  /// What the next continuation byte may be: narrower after E0, ED, F0 and F4 (no overlong forms, surrogates or
  /// values above U+10FFFF).
  private var low: UInt8 = 0x80
  private var high: UInt8 = 0xBF

  /// Whether the text so far ends at the end of a scalar.
  var isComplete: Bool { missing == 0 }

  /// Returns `false` as soon as the text cannot become valid any more.
  mutating func validate(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var index = 0
    while index < bytes.count {
      if missing == 0 {
        index = Self.skipASCII(bytes, from: index)
        guard index < bytes.count else { return true }
        guard begin(bytes[index]) else { return false }
      } else {
        guard bytes[index] >= low && bytes[index] <= high else { return false }
        missing -= 1
        (low, high) = (0x80, 0xBF)
      }
      index += 1
    }
    return true
  }

  private mutating func begin(_ lead: UInt8) -> Bool {
    switch lead {
    case 0x00...0x7F: return true
    case 0xC2...0xDF: missing = 1
    case 0xE0: (missing, low) = (2, 0xA0)
    case 0xED: (missing, high) = (2, 0x9F)
    case 0xE1...0xEF: missing = 2
    case 0xF0: (missing, low) = (3, 0x90)
    case 0xF4: (missing, high) = (3, 0x8F)
    case 0xF1...0xF3: missing = 3
    default: return false
    }
    return true
  }

  private static func skipASCII(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var index = start
    while index + 8 <= bytes.count,
      bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self) & 0x8080_8080_8080_8080 == 0
    {
      index += 8
    }
    while index < bytes.count, bytes[index] < 0x80 { index += 1 }
    return index
  }
}
