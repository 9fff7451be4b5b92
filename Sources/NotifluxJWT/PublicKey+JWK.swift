import NotifluxProtocol

extension PublicKey {
  /// The key's JWK Set (RFC 7517 §5) as lines of JSON, with the thumbprint as `kid`.
  public var jwks: String {
    let jwk: JSONObject = [
      "kty": "EC", "crv": "P-256", "x": .string(Base64URL.encode(x)), "y": .string(Base64URL.encode(y)),
      "kid": .string(thumbprint), "use": "sig", "alg": "ES256",
    ]
    return JSONValue.object(["keys": [.object(jwk)]]).prettyPrinted() + "\n"
  }

  /// The key of a JWK (RFC 7517 §4) and its `kid`; nil for one of another kind or for another use.
  static func read(jwk value: JSONValue) throws(KeyError) -> (key: PublicKey, name: String?)? {
    guard case .object(let jwk) = value else { throw KeyError("this is \(value.kind); a JWK is an object") }
    // Of whatever kind: RSA and Ed25519 have the private part under the same name.
    guard jwk["d"] == nil else {
      throw KeyError(
        "this is a private key (it has \"d\"); only its public half belongs here: take \"d\" out, and make a new key "
          + "if others could read the file")
    }
    guard let kind = try text("kty", of: jwk) else { throw KeyError("\"kty\" is missing") }
    guard kind.hasSameBytes(as: "EC") else { return nil }
    guard let curve = try text("crv", of: jwk) else { throw KeyError("\"crv\" is missing") }
    guard curve.hasSameBytes(as: "P-256"), try isForVerifying(jwk) else { return nil }
    let name = try text("kid", of: jwk)
    let key = try PublicKey(x: try coordinate("x", of: jwk), y: try coordinate("y", of: jwk))
    return (key, name)
  }

  /// RFC 7517 §4.2, §4.3 and §4.4: what is not said is not ruled out.
  private static func isForVerifying(_ jwk: JSONObject) throws(KeyError) -> Bool {
    if let use = try text("use", of: jwk), !use.hasSameBytes(as: "sig") { return false }
    if let algorithm = try text("alg", of: jwk), !algorithm.hasSameBytes(as: "ES256") { return false }
    guard let operations = jwk["key_ops"] else { return true }
    guard let names = operations.array?.map(\.string), !names.contains(nil) else {
      throw KeyError("\"key_ops\" must be an array of strings")
    }
    return names.contains { $0?.hasSameBytes(as: "verify") == true }
  }

  /// RFC 7518 §6.2.1.2: all 32 bytes, zeros in front included.
  private static func coordinate(_ name: String, of jwk: JSONObject) throws(KeyError) -> [UInt8] {
    guard let text = try text(name, of: jwk) else { throw KeyError("\"\(name)\" is missing") }
    let bytes: [UInt8]
    do { bytes = try Base64URL.decode(text) } catch {
      throw KeyError("\"\(name)\" is not base64url without padding: it has \(error.message)")
    }
    guard bytes.count == 32 else { throw KeyError("\"\(name)\" has \(bytes.count) bytes; on P-256 it has 32") }
    return bytes
  }

  private static func text(_ name: String, of jwk: JSONObject) throws(KeyError) -> String? {
    guard let value = jwk[name] else { return nil }
    guard case .string(let text) = value else {
      throw KeyError("\"\(name)\" is \(value.kind); it must be a string")
    }
    return text
  }
}
