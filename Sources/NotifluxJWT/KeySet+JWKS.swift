import NotifluxProtocol

extension KeySet {
  /// Reads a JWK Set (RFC 7517 §5), or one JWK alone: the keys on P-256 for signatures, with their `kid` as name.
  ///
  /// Keys of other kinds or for other uses are passed over, as RFC 7517 §5 has it. Refused is a P-256 key that is damaged,
  /// a private key of any kind, a `kid` that two of the keys have, and a set without one key of use. Errors name a key by
  /// its place, `keys[0]` being the first, and quote nothing of it.
  public init(jwks: [UInt8]) throws(KeyError) {
    let document = try Self.parse(jwks)
    guard let values = document["keys"] else {
      guard document["kty"] != nil else {
        throw KeyError("this is JSON, but no JWK Set: expected {\"keys\":[…]}, as notiflux keygen --jwks writes it")
      }
      guard let read = try PublicKey.read(jwk: .object(document)) else { throw Self.useless("the key is not one") }
      self.init([])
      insert(read.key, named: read.name)
      return
    }
    guard case .array(let values) = values else {
      throw KeyError("\"keys\" of the JWK Set is \(values.kind); it must be an array of keys")
    }
    try self.init(jwks: values)
  }

  private init(jwks values: [JSONValue]) throws(KeyError) {
    self.init([])
    var indices: [ByteKey: Int] = [:]
    for (index, value) in values.enumerated() {
      let read: (key: PublicKey, name: String?)?
      do { read = try PublicKey.read(jwk: value) } catch { throw KeyError("keys[\(index)]: \(error.message)") }
      guard let (key, name) = read else { continue }
      if let name, let other = indices.updateValue(index, forKey: ByteKey(name)) {
        throw KeyError("keys[\(other)] and keys[\(index)] have the same \"kid\": give each one of its own")
      }
      insert(key, named: name)
    }
    guard !isEmpty else {
      throw Self.useless(values.isEmpty ? "the JWK Set is empty; needed is a key" : "no key of the JWK Set is one")
    }
  }

  private static func parse(_ text: [UInt8]) throws(KeyError) -> JSONObject {
    let start = text.drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
    guard !start.isEmpty else { throw KeyError("there is no key: the text is empty") }
    guard !start.starts(with: "-----BEGIN ".utf8) else {
      throw KeyError("this is PEM, not a JWK Set: give it with --public-key FILE")
    }
    do {
      if case .object(let object) = try JSONValue.parse(text) { return object }
    } catch {
      throw KeyError("this is no JWK Set: as JSON it is damaged, \(error.messageWithoutNames)")
    }
    throw KeyError("this is JSON, but no JWK Set: expected an object, {\"keys\":[…]}")
  }

  private static func useless(_ what: String) -> KeyError {
    KeyError(
      "\(what) for ES256 (\"kty\":\"EC\", \"crv\":\"P-256\", and where they are given \"use\":\"sig\", \"alg\":\"ES256\", "
        + "\"key_ops\" with \"verify\"): make one with notiflux keygen --jwks")
  }
}
