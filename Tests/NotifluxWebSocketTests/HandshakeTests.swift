import Testing

@testable import NotifluxWebSocket

@Suite struct HandshakeTests {
  private func hexadecimal(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  @Test("SHA-1 digests are those of FIPS 180 and RFC 3174")
  func vectors() {
    for (text, digest) in [
      ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
      ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
      (String(repeating: "a", count: 1_000_000), "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
      (String(repeating: "01234567", count: 80), "dea356a2cddd90c7a7ecedc5ebb563934f460452"),
      ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
    ] {
      #expect(hexadecimal(HandshakeDigest.sha1(Array(text.utf8))) == digest)
    }
  }

  /// As Python's hashlib has them, of the bytes 0, 1, 2 … 255, 0, …
  private static let digests: [Int: String] = [
    1: "5ba93c9db0cff93f52b521d7420e43f6eda2784f", 54: "cfae6d86a767b9c700b5081a54265fb2fe0f6fd9",
    55: "8ae2d46729cfe68ff927af5eec9c7d1b66d65ac2", 56: "636e2ec698dac903498e648bd2f3af641d3c88cb",
    57: "7cb1330f35244b57437539253304ea78a6b7c443", 60: "c98714b16f92c8a770e9fc229df834d1688e282f",
    63: "6d942da0c4392b123528f2905c713a3ce28364bd", 64: "c6138d514ffa2135bfce0ed0b8fac65669917ec7",
    65: "69bd728ad6e13cd76ff19751fde427b00e395746", 118: "2a81372da39c1df4251539a9922717b7cf5f0334",
    119: "41c89d06001bab4ab78736b44efe7ce18ce6ae08", 120: "d3dbd653bd8597b7475321b60a36891278e6a04a",
    121: "3723f8ab857804f89f80970e9fc88cf8f890adc2", 127: "89d7312a903f65cd2b3e34a975e55dbea9033353",
    128: "e6434bc401f98603d7eda504790c98c67385d535", 129: "3352e41cc30b40ae80108970492b21014049e625",
    183: "48a9d63f99faea8f26c8f9b37ae8650419767808", 184: "356301d2c18c60cbf761e8820e78b2670a54ba83",
    191: "453e806d74a27e554f2a3395ce7917919bf3bde6", 192: "995b6f0c8f9eda20f3e5a2bd89df908747900008",
    1000: "af0b191c2de46fe13fe0908f5a6a4e90e0cafc46",
  ]

  @Test("SHA-1 digests are right around the borders of its blocks", arguments: digests.keys.sorted())
  func borders(length: Int) {
    let message = (0..<length).map { UInt8(truncatingIfNeeded: $0) }
    #expect(hexadecimal(HandshakeDigest.sha1(message)) == Self.digests[length])
  }

  @Test("a key is answered as RFC 6455 §1.3 has it")
  func accept() throws {
    let key = try #require(HandshakeKey("dGhlIHNhbXBsZSBub25jZQ==".utf8))
    #expect(String(decoding: key.accept, as: UTF8.self) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
  }

  @Test(
    "what is not 16 bytes in canonical base64 is no key",
    arguments: [
      "", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25jZ===",
      "dGhlIHNhbXBsZSBub25jZWE=", "dGhlIHNhbXBsZSBub25jZWFh", "dGhlIHNhbXBsZSB-b25jZQ==", "dGhlIHNhbXBsZSBub25jZQ==\n",
      " dGhlIHNhbXBsZSBub25jQ==", "dGhl IHNhbXBsZSBub25jQ==", "dGhlIHNhbXBsZSBub25jQ== ", "dGhlIHNhbXBsZSBub25j\tQ==",
      "========================", "dGhlIHNhbXBs\u{E9}ZSBub25jZ==", "AAAAAAAAAAAAAAAAAAAAAB==",
      "AAAA=AAAAAAAAAAAAAAAAA==",
    ])
  func noKeys(_ text: String) {
    #expect(HandshakeKey(text.utf8) == nil)
  }
}
