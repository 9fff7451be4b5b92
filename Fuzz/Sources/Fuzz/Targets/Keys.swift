import NotifluxProtocol

@testable import NotifluxJWT

/// Key files, and base64. The first byte says whether the rest is PEM text or the DER of a key, which OpenSSL reads.
enum Keys: FuzzTarget {
  static let name = "keys"

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let kind = choices.byte() % 4
    let bytes = Array(choices.rest)
    switch kind {
    case 0, 1: check(bytes)
    case 2: check(Array(PEM.text(label: "PUBLIC KEY", der: bytes).utf8))
    default: check(Array(PEM.text(label: "PRIVATE KEY", der: bytes).utf8))
    }
    checkBase64(bytes)
  }

  private static func check(_ pem: [UInt8]) {
    let publicKeys = read(pem) { (pem) throws(KeyError) in try PublicKey.all(inPEM: pem) }
    for key in publicKeys ?? [] {
      require((try? PublicKey(pem: key.pem)) == key, "a public key reads the same when it is written")
      require(key.thumbprint.utf8.count == 43, "a thumbprint is 32 bytes")
    }
    guard let key = read(pem, { (pem) throws(KeyError) in try PrivateKey(pem: pem) }) else { return }
    require(publicKeys == nil, "a private key is not taken for a public one")
    do {
      let again = try PrivateKey(pem: try key.pem)
      require(again.publicKey == key.publicKey, "a private key reads the same when it is written")
      let token = try TokenSigner(key: key).sign(Claims(topics: ["t"], scope: .subscribe, expires: 2))
      _ = try TokenVerifier(keys: [again.publicKey]).verify(token, now: 1)
    } catch {
      violated("a private key that is accepted signs: \(error)")
    }
  }

  /// An error is a line for a person, and quotes no key.
  private static func read<Key>(_ pem: [UInt8], _ body: ([UInt8]) throws(KeyError) -> Key) -> Key? {
    do throws(KeyError) { return try body(pem) } catch {
      require(isOneLine(error.message), "an error is one line: \(error.message)")
      for line in pem.split(whereSeparator: { $0 < 0x21 }) where line.count >= 32 && (try? Base64.decode(line)) != nil {
        require(!error.message.contains(String(decoding: line, as: UTF8.self)), "an error quotes no key")
      }
      return nil
    }
  }

  private static func checkBase64(_ bytes: [UInt8]) {
    if let content = try? Base64URL.decode(bytes) {
      require(Base64URL.encode(content).utf8.elementsEqual(bytes), "some bytes have one text in base64url")
    }
    if let content = try? Base64.decode(bytes) {
      require((try? Base64.decode(Base64.encode(content))) == content, "base64 reads the same when it is written")
    }
    require((try? Base64URL.decode(Base64URL.encode(bytes))) == bytes, "any bytes can be written in base64url")
    require((try? Base64.decode(Base64.encode(bytes))) == bytes, "any bytes can be written in base64")
  }
}
