import NotifluxProtocol

/// A public key on P-256, which verifies tokens. Equal when it is the same point of the curve.
public struct PublicKey: Sendable {
  /// May hold the private half too, when it comes from there; nothing but verification is ever done with it.
  let key: OwnedKey
  /// 32 bytes each.
  let x: [UInt8]
  let y: [UInt8]

  /// Reads one SPKI key (`PUBLIC KEY`), with any text around. The point must lie on the curve.
  public init(pem: String) throws(KeyError) {
    let keys = try Self.all(inPEM: pem)
    guard keys.count == 1, let key = keys.first else {
      throw KeyError("the file holds \(keys.count) public keys: leave one in it")
    }
    self = key
  }

  /// Reads every SPKI key of a PEM text, one at least, in order. A private key among them is refused: it does not belong
  /// where tokens are only verified.
  public static func all(inPEM pem: String) throws(KeyError) -> [PublicKey] {
    try all(inPEM: Array(pem.utf8))
  }

  /// Reads every SPKI key of the bytes of a PEM file.
  public static func all(inPEM pem: [UInt8]) throws(KeyError) -> [PublicKey] {
    let blocks = try PEM.blocks(in: pem)
    if blocks.contains(where: { $0.label.hasSuffix("PRIVATE KEY") }) {
      throw KeyError(
        "this is a private key; only its public half belongs here: get it with notiflux keygen --public-from FILE")
    }
    var keys: [PublicKey] = []
    for block in blocks where block.label.hasSuffix("PUBLIC KEY") {
      guard block.label == "PUBLIC KEY" else { throw foreign(String(block.label.dropLast(11))) }
      keys.append(try read(der: try block.der()))
    }
    guard keys.isEmpty else { return keys }
    if blocks.contains(where: { $0.label.hasSuffix("CERTIFICATE") }) {
      throw KeyError("this is a certificate; get its key with openssl x509 -in FILE -noout -pubkey")
    }
    if let other = blocks.first { throw KeyError("there is no public key, only \(other.label)") }
    throw PEM.missing("PUBLIC KEY", in: pem)
  }

  /// The key as SPKI PEM.
  public var pem: String {
    PEM.text(label: "PUBLIC KEY", der: Self.spkiStart + x + y)
  }

  /// The key's name: base64url of the SHA-256 of its JWK (RFC 7638 §3.2), as it may stand in a token's `kid`.
  public var thumbprint: String {
    let jwk = "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"\(Base64URL.encode(x))\",\"y\":\"\(Base64URL.encode(y))\"}"
    return Base64URL.encode(SHA256.digest(Array(jwk.utf8)))
  }

  /// All of an SPKI on P-256 up to the coordinates (RFC 5480 §2.1.1, §2.2); the last byte says: uncompressed.
  private static let spkiStart: [UInt8] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE,
    0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
  ]

  /// The key must be known to be on P-256.
  init(_ key: OwnedKey) throws(KeyError) {
    self.key = key
    do {
      (x, y) = try key.coordinates()
    } catch {
      throw KeyError("the key has no public point", error)
    }
  }

  /// The key with these coordinates, 32 bytes each. The point must lie on the curve.
  init(x: [UInt8], y: [UInt8]) throws(KeyError) {
    self = try Self.read(der: Self.spkiStart + x + y)
  }

  private static func read(der: [UInt8]) throws(KeyError) -> PublicKey {
    let key: OwnedKey
    do {
      key = try OwnedKey(publicDER: der)
    } catch {
      throw KeyError("the public key cannot be read (is the file damaged?)", error)
    }
    if let kind = key.foreignKind { throw foreign(kind) }
    guard key.isConsistent(privateToo: false) else {
      throw KeyError("the public key is damaged: its point is not on the curve")
    }
    return try PublicKey(key)
  }

  /// What to say about a key that is not on P-256.
  static func foreign(_ kind: String) -> KeyError {
    let vowel = kind.first.map { "AEIOUaeiou8X".contains($0) || kind.hasPrefix("RSA") } ?? false
    return KeyError("this is \(vowel ? "an" : "a") \(kind) key; notiflux needs P-256 (prime256v1): run notiflux keygen")
  }
}

extension PublicKey: Hashable {
  /// Whether both are the same point.
  public static func == (left: PublicKey, right: PublicKey) -> Bool {
    left.x == right.x && left.y == right.y
  }

  /// Hashes the point.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(x)
    hasher.combine(y)
  }
}
