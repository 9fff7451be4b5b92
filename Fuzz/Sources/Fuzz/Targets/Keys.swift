import NotifluxProtocol

@testable import NotifluxJWT

/// Key files, and base64. The first byte says whether the rest is text, PEM or a JWK Set, or the DER of a key, which
/// OpenSSL reads.
enum Keys: FuzzTarget {
  static let name = "keys"

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let kind = choices.byte() % 4
    let bytes = Array(choices.rest)
    switch kind {
    case 0: check(bytes)
    case 1: checkSet(bytes)
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

  private static func checkSet(_ text: [UInt8]) {
    guard let set = read(text, { (text) throws(KeyError) in try KeySet(jwks: text) }) else { return }
    let document = (try? JSONValue.parse(text))?.object
    let jwks = document?["keys"]?.array ?? document.map { [.object($0)] } ?? []
    var names: Set<ByteKey> = []
    let keys = set.order(for: nil)
    require(!keys.isEmpty && keys.count == set.count && Set(keys).count == keys.count, "a set has each key once")
    for key in keys {
      let isThere = jwks.contains { jwk in
        guard jwk.object?["x"]?.string == Base64URL.encode(key.x), jwk.object?["y"]?.string == Base64URL.encode(key.y),
          jwk.object?["kty"] == "EC", jwk.object?["crv"] == "P-256", jwk.object?["d"] == nil
        else { return false }
        guard let name = jwk.object?["kid"]?.string, jwk.object?["use"].map({ $0 == "sig" }) ?? true,
          jwk.object?["alg"].map({ $0 == "ES256" }) ?? true
        else { return true }
        if jwk.object?["key_ops"] == nil {
          require(names.insert(ByteKey(name)).inserted, "a name is that of one key")
          require(set.order(for: name).prefix(2).contains(key), "a key is found by its name")
        }
        return true
      }
      require(isThere, "a key is in the text")
      require(set.order(for: key.thumbprint).contains(key), "a key is found by its thumbprint")
      let again = try? KeySet(jwks: Array(key.jwks.utf8))
      require(again?.order(for: nil) == [key], "a key reads the same when it is written")
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
