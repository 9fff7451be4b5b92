import Testing

@testable import NotifluxJWT

@Suite("Private keys")
struct PrivateKeyTests {
  @Test(
    "every form in which openssl writes a P-256 key is read as the same key",
    arguments: [
      KeyFixture.pkcs8, KeyFixture.sec1, KeyFixture.sec1WithParameters, KeyFixture.sec1WithoutPublicHalf,
      KeyFixture.sec1WithExplicitCurve, "Some text\nabout the key\n" + KeyFixture.pkcs8 + "\nand more\n",
      KeyFixture.certificate + KeyFixture.pkcs8 + KeyFixture.publicKey,
      KeyFixture.pkcs8.replacing("\n", with: "\r\n"), KeyFixture.pkcs8.replacing("\n", with: " "),
    ])
  func forms(pem: String) throws {
    let key = try PrivateKey(pem: pem)
    #expect(key.publicKey == (try PublicKey(pem: KeyFixture.publicKey)))
    #expect(key.publicKey.pem == KeyFixture.publicKey)
    let token = try TokenSigner(key: key).sign(Claims(topics: ["t"], scope: .subscribe, expires: 100))
    let verifier = TokenVerifier(keys: [try PublicKey(pem: KeyFixture.publicKey)])
    #expect(try verifier.verify(token, now: 0).topics == ["t"])
  }

  @Test(
    "what is not a private key on P-256 is refused by its name, with what to do",
    arguments: [
      (KeyFixture.p384, "this is a secp384r1 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.secp256k1, "this is a secp256k1 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.rsa, "this is a 1024-bit RSA key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.rsaTraditional, "this is a 1024-bit RSA key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.ed25519, "this is an Ed25519 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.publicKey, "this is a public key; the private key is needed here"),
      (KeyFixture.rsaPublicTraditional, "this is a public key; the private key is needed here"),
      (KeyFixture.certificate, "this is a certificate; the private key is needed here"),
      (
        KeyFixture.encryptedPKCS8,
        "this private key is encrypted with a passphrase: decrypt it first with openssl pkey -in FILE -out NEWFILE"
      ),
      (
        KeyFixture.encryptedSEC1,
        "this private key is encrypted with a passphrase: decrypt it first with openssl pkey -in FILE -out NEWFILE"
      ),
      (
        KeyFixture.mismatchedHalves, "the private key is damaged: its two halves do not belong together"
      ),
      (KeyFixture.pkcs8 + KeyFixture.otherPKCS8, "the file holds 2 private keys: leave one in it"),
      ("", "there is no key: the text is empty"), (" \n", "there is no key: the text is empty"),
      ("0\u{1}", "this is DER, not PEM: convert it with openssl pkey -inform DER"),
      ("{\"kty\":\"EC\"}", "this is JSON, not PEM: a private JWK cannot be read, make PEM (PKCS#8) of it"),
      ("MIGHAgEA", "no PEM block found: expected -----BEGIN PRIVATE KEY-----"),
      (
        "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----",
        "this is an OpenSSH key; notiflux needs a PEM key on P-256 (prime256v1): run notiflux keygen"
      ),
      (
        "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
        "there is no private key, only EC PARAMETERS"
      ),
      (String(KeyFixture.pkcs8.dropLast(30)), "the PEM block PRIVATE KEY has no END line (is the file cut off?)"),
      ("-----BEGIN PRIVATE\nKEY-----", "a BEGIN line of the PEM text is damaged"),
      ("-----BEGIN ", "a BEGIN line of the PEM text is damaged"),
      // Its "label" could be a line of a key: an error that quoted it would show it.
      (
        "-----BEGIN EC MHCCAQEEIL8Z0KD9LRSV PRIVATE KEY-----\n-----END EC MHCCAQEEIL8Z0KD9LRSV PRIVATE KEY-----",
        "a BEGIN line of the PEM text is damaged"
      ),
      (
        KeyFixture.pkcs8.replacing("MIGH", with: "MI*H"),
        "the PEM block PRIVATE KEY is damaged: it has a character that does not belong there at byte 3"
      ),
    ])
  func refused(pem: String, message: String) {
    let error = #expect(throws: KeyError.self) { try PrivateKey(pem: pem) }
    #expect(error?.message == message)
  }

  @Test(
    "a damaged body is refused without a trap, a prompt or a piece of the key in the message",
    arguments: [
      KeyFixture.encryptedWithWrongLabel, KeyFixture.pkcs8.replacing("MIGH", with: "MIGG"),
      "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
      "-----BEGIN EC PRIVATE KEY-----AAAA-----END EC PRIVATE KEY-----",
      KeyFixture.publicKey.replacing("PUBLIC", with: "PRIVATE"),
    ])
  func damaged(pem: String) {
    let error = #expect(throws: KeyError.self) { try PrivateKey(pem: pem) }
    #expect(error?.message.hasPrefix("the private key cannot be read (is the file damaged?)") == true)
    #expect(error?.message.contains("MIG") == false)
  }

  @Test("more bytes after a key are refused")
  func trailingBytes() throws {
    let der = try PEM.blocks(in: Array(KeyFixture.pkcs8.utf8))[0].der()
    #expect(throws: Never.self) { try PrivateKey(pem: PEM.text(label: "PRIVATE KEY", der: der)) }
    let error = #expect(throws: KeyError.self) { try PrivateKey(pem: PEM.text(label: "PRIVATE KEY", der: der + [0])) }
    #expect(error?.message == "the private key cannot be read (is the file damaged?): more bytes after the key")
    let spki = try PEM.blocks(in: Array(KeyFixture.publicKey.utf8))[0].der()
    #expect(throws: KeyError.self) { try PublicKey(pem: PEM.text(label: "PUBLIC KEY", der: spki + [0])) }
  }

  @Test("cut off or changed anywhere, a key file never traps")
  func damagedAnywhere() {
    let bytes = Array(KeyFixture.sec1WithParameters.utf8)
    let original = try? PrivateKey(pem: bytes)
    #expect(original != nil)
    var refused = 0
    for index in bytes.indices {
      if (try? PrivateKey(pem: Array(bytes[..<index]))) == nil { refused += 1 }
      var changed = bytes
      changed[index] ^= 1
      if let key = try? PrivateKey(pem: changed) { #expect(key.publicKey == original?.publicKey) }
    }
    #expect(refused == bytes.count - 1 || refused == bytes.count)
  }

  @Test("a generated key is written as PKCS#8 and read back, and no two are alike")
  func generated() throws {
    let key = try PrivateKey.generate()
    let pem = try key.pem
    #expect(pem.hasPrefix("-----BEGIN PRIVATE KEY-----\nMIGHAgEA"))
    #expect(pem.hasSuffix("\n-----END PRIVATE KEY-----\n"))
    #expect(pem.split(separator: "\n").allSatisfy { $0.utf8.count <= 64 })
    #expect(try PrivateKey(pem: pem).publicKey == key.publicKey)
    #expect(try PublicKey(pem: key.publicKey.pem) == key.publicKey)
    #expect(try PrivateKey.generate().publicKey != key.publicKey)
    #expect(try PrivateKey(pem: KeyFixture.sec1).pem == KeyFixture.pkcs8)
  }
}

@Suite("Public keys")
struct PublicKeyTests {
  @Test(
    "every form of SPKI is read as the same key and written in the usual one",
    arguments: [
      KeyFixture.publicKey, KeyFixture.publicCompressed, KeyFixture.publicWithExplicitCurve,
      "text\n" + KeyFixture.publicKey + KeyFixture.certificate,
    ])
  func forms(pem: String) throws {
    let key = try PublicKey(pem: pem)
    #expect(key.pem == KeyFixture.publicKey)
    #expect(key.hashValue == (try PublicKey(pem: KeyFixture.publicKey)).hashValue)
  }

  @Test("the thumbprint is that of RFC 7638, computed elsewhere for this key")
  func thumbprint() throws {
    #expect(try PublicKey(pem: KeyFixture.publicKey).thumbprint == "NcO2fPr_xrvLtSZCXTGFu1a2LTyBFtH_L48ZRu6T4ww")
  }

  @Test("several keys in one file come in order; one alone is wanted elsewhere")
  func several() throws {
    let both = KeyFixture.publicKey + "\n" + KeyFixture.otherPublic
    #expect(try PublicKey.all(inPEM: both).map(\.pem) == [KeyFixture.publicKey, KeyFixture.otherPublic])
    let error = #expect(throws: KeyError.self) { try PublicKey(pem: both) }
    #expect(error?.message == "the file holds 2 public keys: leave one in it")
  }

  @Test(
    "what is not a public key on P-256 is refused by its name, with what to do",
    arguments: [
      (KeyFixture.p384Public, "this is a secp384r1 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.secp256k1Public, "this is a secp256k1 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.rsaPublic, "this is a 1024-bit RSA key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.rsaPublicTraditional, "this is an RSA key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (KeyFixture.ed25519Public, "this is an Ed25519 key; notiflux needs P-256 (prime256v1): run notiflux keygen"),
      (
        KeyFixture.publicKey + KeyFixture.p384Public,
        "this is a secp384r1 key; notiflux needs P-256 (prime256v1): run notiflux keygen"
      ),
      (
        KeyFixture.pkcs8,
        "this is a private key; only its public half belongs here: get it with notiflux keygen --public-from FILE"
      ),
      (
        KeyFixture.publicKey + KeyFixture.encryptedPKCS8,
        "this is a private key; only its public half belongs here: get it with notiflux keygen --public-from FILE"
      ),
      (KeyFixture.certificate, "this is a certificate; get its key with openssl x509 -in FILE -noout -pubkey"),
      ("", "there is no key: the text is empty"),
      ("ssh-ed25519 AAAA", "no PEM block found: expected -----BEGIN PUBLIC KEY-----"),
    ])
  func refused(pem: String, message: String) {
    let error = #expect(throws: KeyError.self) { try PublicKey.all(inPEM: pem) }
    #expect(error?.message == message)
  }

  @Test(
    "a point that is not on the curve is refused", arguments: [KeyFixture.publicOffCurve, KeyFixture.publicAtInfinity])
  func badPoint(pem: String) {
    #expect(throws: KeyError.self) { try PublicKey(pem: pem) }
  }

  @Test("after refused keys OpenSSL's error queue is empty, so that no later error shows a stale reason")
  func errorQueue() {
    for pem in [
      KeyFixture.publicOffCurve, KeyFixture.p384Public, KeyFixture.mismatchedHalves, KeyFixture.publicAtInfinity,
    ] {
      #expect(throws: KeyError.self) { try PublicKey(pem: pem) }
      #expect(throws: KeyError.self) { try PrivateKey(pem: pem) }
    }
    #expect(OpenSSLError.drain().reason == "OpenSSL gave no reason")
  }
}

@Suite("SHA-256")
struct SHA256Tests {
  @Test("the vectors of FIPS 180-4 hold")
  func vectors() {
    func hex(_ text: String) -> String {
      SHA256.digest(Array(text.utf8)).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
    #expect(hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    #expect(hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
