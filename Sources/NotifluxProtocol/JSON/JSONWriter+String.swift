/// Strings: found plain many bytes at a time and copied in one go; escapes are put together before they are appended.
extension JSONWriter {
  /// Appends a quoted string: quote, backslash and control characters escaped (RFC 8259 §7), all else as it is.
  package static func string(_ text: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    var text = text
    text.withUTF8 { utf8 in
      let content = UnsafeRawBufferPointer(utf8)
      // What has to be escaped is what a reader stops at.
      var scanner = JSONReader(content)
      while true {
        let start = scanner.position
        scanner.skipPlain()
        bytes.append(contentsOf: content[start..<scanner.position])
        guard scanner.position < content.count else { break }
        escapes(from: &scanner, into: &bytes)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// Takes the escapes that stand close together from the front.
  private static func escapes(from scanner: inout JSONReader, into bytes: inout [UInt8]) {
    withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { room in
      var (filled, plain) = (0, 0)
      // Each step writes eight bytes, of which the next step writes over what was too much.
      while plain < 8, filled <= room.count - 8, let byte = scanner.peek {
        if JSONReader.isSpecial(byte) {
          let (word, count) = escape(byte)
          room.storeBytes(of: word.littleEndian, toByteOffset: filled, as: UInt64.self)
          filled += count
          plain = 0
          scanner.position += 1
        } else {
          room[filled] = byte
          filled += 1
          plain += 1
          scanner.position += 1
        }
      }
      bytes.append(contentsOf: room[..<filled])
    }
  }

  /// The escape of a byte, its first byte lowest, and how many bytes it has.
  private static func escape(_ byte: UInt8) -> (word: UInt64, count: Int) {
    let letter: UInt8
    switch byte {
    case 0x22, 0x5C: letter = byte
    case 0x08: letter = UInt8(ascii: "b")
    case 0x09: letter = UInt8(ascii: "t")
    case 0x0A: letter = UInt8(ascii: "n")
    case 0x0C: letter = UInt8(ascii: "f")
    case 0x0D: letter = UInt8(ascii: "r")
    default:
      let digit = UInt64(byte & 0xF)
      let last = digit < 10 ? UInt64(UInt8(ascii: "0")) + digit : UInt64(UInt8(ascii: "a")) + digit - 10
      let front: UInt64 = 0x30_3030_755C  // \u000
      return (front + UInt64(byte >> 4) << 32 | last << 40, 6)
    }
    return (UInt64(UInt8(ascii: "\\")) | UInt64(letter) << 8, 2)
  }
}
