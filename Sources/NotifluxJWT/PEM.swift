import NotifluxProtocol

/// The text form of keys (RFC 7468): base64 between a BEGIN and an END mark, with any text around.
enum PEM {
  /// One block, its content not looked at yet.
  struct Block {
    let label: String
    let body: ArraySlice<UInt8>

    /// The old way to encrypt (RFC 1421) is a header inside the block.
    var hasEncryptionHeader: Bool {
      PEM.offset(of: Array("Proc-Type:".utf8), in: body) != nil
    }

    /// The bytes that the block stands for.
    func der() throws(KeyError) -> [UInt8] {
      do {
        return try Base64.decode(body)
      } catch {
        throw KeyError("the PEM block \(label) is damaged: it has \(error.message)")
      }
    }
  }

  /// All blocks in order. A block that has no end is an error.
  static func blocks(in text: [UInt8]) throws(KeyError) -> [Block] {
    var blocks: [Block] = []
    var rest = text[...]
    while let begin = offset(of: Array("-----BEGIN ".utf8), in: rest) {
      rest = rest[(begin + 11)...]
      guard let labelEnd = offset(of: Array("-----".utf8), in: rest.prefix(64)) else {
        throw KeyError("a BEGIN line of the PEM text is damaged")
      }
      let label = String(decoding: rest[..<labelEnd], as: UTF8.self)
      guard isLabel(label) else { throw KeyError("a BEGIN line of the PEM text is damaged") }
      rest = rest[(labelEnd + 5)...]
      guard let end = offset(of: Array("-----END \(label)-----".utf8), in: rest) else {
        throw KeyError("the PEM block \(label) has no END line (is the file cut off?)")
      }
      blocks.append(Block(label: label, body: rest[..<end]))
      rest = rest[(end + 14 + label.utf8.count)...]
    }
    return blocks
  }

  /// Capital letters, digits and spaces, in words as short as those of RFC 7468 §4: errors quote labels, and a line of
  /// base64 must not pass for one.
  private static func isLabel(_ text: String) -> Bool {
    text.utf8.allSatisfy { $0 == 0x20 || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) }
      && text.utf8.split(separator: 0x20).allSatisfy { $0.count < 20 }
  }

  /// The text of one block, lines of 64 characters, a newline at the end.
  static func text(label: String, der: [UInt8]) -> String {
    let digits = Array(Base64.encode(der).utf8)
    var text = "-----BEGIN \(label)-----\n"
    for start in stride(from: 0, to: digits.count, by: 64) {
      text += String(decoding: digits[start..<min(start + 64, digits.count)], as: UTF8.self)
      text += "\n"
    }
    return text + "-----END \(label)-----\n"
  }

  /// What to say about a text in which there is no block at all.
  static func missing(_ wanted: String, in text: [UInt8]) -> KeyError {
    let start = text.first { $0 != 0x20 && !(0x09...0x0D).contains($0) }
    switch start {
    case nil: return KeyError("there is no key: the text is empty")
    case 0x30: return KeyError("this is DER, not PEM: convert it with openssl pkey -inform DER")
    case UInt8(ascii: "{"):
      return KeyError(
        wanted == "PUBLIC KEY"
          ? "this is JSON, not PEM: give a JWK Set with --jwks FILE"
          : "this is JSON, not PEM: a private JWK cannot be read, make PEM (PKCS#8) of it")
    default: return KeyError("no PEM block found: expected -----BEGIN \(wanted)-----")
    }
  }

  private static func offset(of pattern: [UInt8], in text: ArraySlice<UInt8>) -> Int? {
    guard let first = pattern.first else { return text.startIndex }
    var start = text.startIndex
    while start + pattern.count <= text.endIndex {
      if text[start] == first, text[start..<(start + pattern.count)].elementsEqual(pattern) { return start }
      start += 1
    }
    return nil
  }
}
