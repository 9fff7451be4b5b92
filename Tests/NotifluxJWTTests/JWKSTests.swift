import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("JWK Sets")
struct JWKSTests {
  /// A usable key with members replaced, or with `nil` left out.
  private static func jwk(_ pem: String = KeyFixture.publicKey, _ changes: [String: JSONValue?] = [:]) -> JSONValue {
    var object = JSONObject()
    if let key = try? PublicKey(pem: pem) {
      object = ["kty": "EC", "crv": "P-256"]
      object["x"] = .string(Base64URL.encode(key.x))
      object["y"] = .string(Base64URL.encode(key.y))
    }
    for (name, value) in changes { object[name] = value }
    return .object(object)
  }

  private static func set(_ keys: JSONValue...) -> JSONValue { ["keys": .array(keys)] }

  private static let rsa: JSONValue = ["kty": "RSA", "n": "AQAB", "e": "AQAB", "kid": "a"]
  private static let ed25519: JSONValue = ["kty": "OKP", "crv": "Ed25519", "x": "AAAA"]
  private static let p384: JSONValue = ["kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"]

  private func read(_ value: JSONValue) throws(KeyError) -> KeySet { try KeySet(jwks: value.serialized()) }

  @Test("the keys of a set are read with their names, one JWK alone too, and known by their thumbprints besides")
  func names() throws {
    let (one, two) = (try PublicKey(pem: KeyFixture.publicKey), try PublicKey(pem: KeyFixture.otherPublic))
    let set = try read(
      Self.set(Self.jwk(), Self.jwk(KeyFixture.otherPublic, ["kid": "next \u{1F511}", "use": "sig", "alg": "ES256"])))
    #expect(set.count == 2)
    #expect(set.order(for: nil) == [one, two])
    #expect(set.order(for: "next \u{1F511}") == [two, one])
    #expect(set.order(for: two.thumbprint) == [two, one])
    let single = try read(Self.jwk(KeyFixture.otherPublic, ["kid": ""]))
    #expect(single.order(for: "") == [two])
  }

  @Test("a token is tried on the key that its kid names, and holds by any other as well")
  func verifying() throws {
    let key = try TestTokens.privateKey()
    let both = try read(
      Self.set(Self.jwk(KeyFixture.otherPublic, ["kid": "other"]), Self.jwk(KeyFixture.publicKey, ["kid": "mine"])))
    let signer = TokenSigner(key: key)
    let claims = Claims(topics: ["t"], scope: .subscribe, expires: 10)
    for keyID in ["mine", "other", "unknown", nil] as [String?] {
      let token = try signer.sign(claims, keyID: keyID)
      let verified = try TokenVerifier(keys: both).check(try UnverifiedToken(Array(token.utf8)))
      #expect(verified.claims == claims && verified.origin.key == key.publicKey)
    }
  }

  @Test("keys of other kinds and for other uses are passed over")
  func passedOver() throws {
    let useless: [JSONValue] = [
      Self.rsa, Self.ed25519, Self.p384, ["kty": "oct", "k": "AAAA"], ["kty": "new kind"],
      Self.jwk(KeyFixture.otherPublic, ["use": "enc"]), Self.jwk(KeyFixture.otherPublic, ["alg": "ES384"]),
      Self.jwk(KeyFixture.otherPublic, ["key_ops": []]), Self.jwk(KeyFixture.otherPublic, ["key_ops": ["sign", "x"]]),
      // Nothing of it is looked at any further, its name included.
      Self.jwk(KeyFixture.otherPublic, ["use": "enc", "x": "?", "kid": "a"]),
    ]
    let usable = Self.jwk(
      KeyFixture.publicKey, ["kid": "a", "key_ops": ["verify", "x"], "x5c": ["?"], "ext": true, "more": ["d": 1]])
    let set = try read(.object(["keys": .array(useless + [usable] + useless), "more": 1]))
    #expect(set.order(for: nil) == [try PublicKey(pem: KeyFixture.publicKey)])
    for value in useless {
      #expect(throws: KeyError.self) { try read(value) }
      let error = #expect(throws: KeyError.self) { try read(Self.set(value)) }
      #expect(error?.message.hasPrefix("no key of the JWK Set is one for ES256 (") == true)
    }
  }

  private static let coordinate = String(repeating: "A", count: 43)
  private static let tooLong = "\"x\" has 33 bytes; on P-256 it has 32"
  private static let privateKey =
    "this is a private key (it has \"d\"); only its public half belongs here: take \"d\" out, and make a new key if others "
    + "could read the file"

  @Test(
    "a damaged or a private key is refused, by its place in the set and without a word of it",
    arguments: [
      (jwk(KeyFixture.publicKey, ["x": nil]), "\"x\" is missing"),
      (jwk(KeyFixture.publicKey, ["y": nil]), "\"y\" is missing"),
      (jwk(KeyFixture.publicKey, ["y": 1]), "\"y\" is a number; it must be a string"),
      (jwk(KeyFixture.publicKey, ["x": .string(coordinate + "A")]), tooLong),
      (jwk(KeyFixture.publicKey, ["x": "AAAA"]), "\"x\" has 3 bytes; on P-256 it has 32"),
      (
        jwk(KeyFixture.publicKey, ["x": .string(coordinate + "=")]),
        "\"x\" is not base64url without padding: it has wrong padding at byte 43"
      ),
      (
        jwk(KeyFixture.publicKey, ["y": .string(coordinate.dropLast() + "B")]),
        "\"y\" is not base64url without padding: it has stray bits in the last character at byte 42 (is the text cut off?)"
      ),
      (jwk(KeyFixture.publicKey, ["crv": nil]), "\"crv\" is missing"),
      (jwk(KeyFixture.publicKey, ["crv": ["P-256"]]), "\"crv\" is an array; it must be a string"),
      (jwk(KeyFixture.publicKey, ["kty": nil]), "\"kty\" is missing"),
      (jwk(KeyFixture.publicKey, ["kid": 7]), "\"kid\" is a number; it must be a string"),
      (jwk(KeyFixture.publicKey, ["use": .null]), "\"use\" is null; it must be a string"),
      (jwk(KeyFixture.publicKey, ["alg": true]), "\"alg\" is a boolean; it must be a string"),
      (jwk(KeyFixture.publicKey, ["key_ops": "verify"]), "\"key_ops\" must be an array of strings"),
      (jwk(KeyFixture.publicKey, ["key_ops": ["verify", 1]]), "\"key_ops\" must be an array of strings"),
      (jwk(KeyFixture.publicKey, ["d": .string(coordinate)]), privateKey),
      (.object(["kty": "RSA", "d": "AQ"]), privateKey),
      (.object(["kty": "OKP", "crv": "Ed25519", "d": "AQ"]), privateKey),
      ("key", "this is a string; a JWK is an object"), (.null, "this is null; a JWK is an object"),
    ] as [(JSONValue, String)])
  func damaged(key: JSONValue, message: String) throws {
    let error = #expect(throws: KeyError.self) { try read(Self.set(Self.rsa, Self.jwk(), key)) }
    #expect(error?.message == "keys[2]: " + message)
  }

  @Test("a point that is not on the curve is refused")
  func offCurve() throws {
    let error = #expect(throws: KeyError.self) {
      try read(Self.jwk(KeyFixture.publicKey, ["x": .string(Self.coordinate)]))
    }
    #expect(error?.message.hasPrefix("the public key ") == true)
  }

  @Test("two usable keys of one name are refused; the same key under two names is one key")
  func duplicates() throws {
    let error = #expect(throws: KeyError.self) {
      try read(
        Self.set(
          Self.jwk(KeyFixture.publicKey, ["kid": "a"]), Self.rsa, Self.jwk(KeyFixture.otherPublic, ["kid": "a"])))
    }
    #expect(error?.message == "keys[0] and keys[2] have the same \"kid\": give each one of its own")
    let twice = try read(
      Self.set(Self.jwk(KeyFixture.publicKey, ["kid": "\u{E9}"]), Self.jwk(KeyFixture.publicKey, ["kid": "e\u{301}"])))
    #expect(twice.count == 1)
  }

  @Test(
    "what is no JWK Set at all is told so",
    arguments: [
      ("", "there is no key: the text is empty"), (" \n", "there is no key: the text is empty"),
      (KeyFixture.publicKey, "this is PEM, not a JWK Set: give it with --public-key FILE"),
      ("[]", "this is JSON, but no JWK Set: expected an object, {\"keys\":[…]}"),
      ("{}", "this is JSON, but no JWK Set: expected {\"keys\":[…]}, as notiflux keygen --jwks writes it"),
      ("{\"keys\":{}}", "\"keys\" of the JWK Set is an object; it must be an array of keys"),
      (
        "{\"keys\":[]",
        "this is no JWK Set: as JSON it is damaged, the text ends where ',' or '}' was expected, at byte 10"
      ),
      ("{\"keys\":[],\"keys\":[]}", "this is no JWK Set: as JSON it is damaged, duplicate member at byte 11"),
      ("MIGHAgEA", "this is no JWK Set: as JSON it is damaged, expected a value at byte 0"),
    ])
  func noSet(text: String, message: String) {
    let error = #expect(throws: KeyError.self) { try KeySet(jwks: Array(text.utf8)) }
    #expect(error?.message == message)
  }

  @Test("an empty set is refused")
  func empty() {
    let error = #expect(throws: KeyError.self) { try read(Self.set()) }
    #expect(error?.message.hasPrefix("the JWK Set is empty; needed is a key for ES256 (") == true)
  }

  @Test("a public key reads the same when it is written, with its thumbprint as kid")
  func written() throws {
    for pem in [KeyFixture.publicKey, KeyFixture.otherPublic] {
      let key = try PublicKey(pem: pem)
      let value = try JSONValue.parse(key.jwks)
      let jwk = try #require(value.object?["keys"]?.array?.first)
      #expect(try jwk.text("kid") == key.thumbprint)
      let rest = try ["use", "alg", "kty", "crv"].map { try jwk.text($0) }
      #expect(rest == ["sig", "ES256", "EC", "P-256"])
      let set = try KeySet(jwks: Array(key.jwks.utf8))
      #expect(set.order(for: nil) == [key])
      #expect(key.jwks.hasSuffix("}\n"))
    }
  }

  @Test("where PEM is expected, JSON is told where it belongs")
  func hint() {
    let error = #expect(throws: KeyError.self) { try PublicKey.all(inPEM: "{\"keys\":[]}") }
    #expect(error?.message == "this is JSON, not PEM: give a JWK Set with --jwks FILE")
  }
}
