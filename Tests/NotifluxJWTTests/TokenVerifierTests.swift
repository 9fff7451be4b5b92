import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("Verifying tokens")
struct TokenVerifierTests {
  @Test(
    "claims that are wrong are refused with the claim and what it must be",
    arguments: [
      (
        #"{"topics":[],"scope":"subscribe"}"#, .tokenClaims,
        #"claim "exp" is missing; it must be a number (seconds since 1970)"#
      ),
      (
        #"{"exp":"1000","topics":[],"scope":"subscribe"}"#, .tokenClaims,
        #"claim "exp" is a string; it must be a number (seconds since 1970)"#
      ),
      (
        #"{"exp":null,"topics":[],"scope":"subscribe"}"#, .tokenClaims,
        #"claim "exp" is null; it must be a number (seconds since 1970)"#
      ),
      (#"{"exp":1e400,"topics":[],"scope":"subscribe"}"#, .tokenClaims, #"claim "exp" is too large a number"#),
      (
        #"{"exp":1000,"topics":"news","scope":"subscribe"}"#, .tokenClaims,
        #"claim "topics" is a string; it must be an array of strings"#
      ),
      (
        #"{"exp":1000,"scope":"subscribe"}"#, .tokenClaims,
        #"claim "topics" is missing; it must be an array of strings"#
      ),
      (
        #"{"exp":1000,"topics":["a",1],"scope":"subscribe"}"#, .tokenClaims,
        #"claim "topics" holds a number; it must be an array of strings"#
      ),
      (#"{"exp":1000,"topics":[]}"#, .tokenClaims, #"claim "scope" is missing; it must be "subscribe" or "broadcast""#),
      (
        #"{"exp":1000,"topics":[],"scope":["subscribe"]}"#, .tokenClaims,
        #"claim "scope" is an array; it must be "subscribe" or "broadcast""#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"Subscribe"}"#, .tokenClaims,
        #"claim "scope" is neither "subscribe" nor "broadcast""#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"subscribe","aud":"x"}"#, .tokenClaims,
        #"token has the claim "aud"; this server is nobody's named audience: leave it out"#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"subscribe","aud":null}"#, .tokenClaims,
        #"token has the claim "aud"; this server is nobody's named audience: leave it out"#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"subscribe","nbf":"1"}"#, .tokenClaims,
        #"claim "nbf" is a string; it must be a number (seconds since 1970)"#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"subscribe","iat":true}"#, .tokenClaims,
        #"claim "iat" is a boolean; it must be a number (seconds since 1970)"#
      ),
      (
        #"{"exp":1000,"topics":[],"scope":"subscribe","jti":1}"#, .tokenClaims,
        #"claim "jti" is a number; it must be a string"#
      ),
      (
        #"{"exp":1000,"exp":2000,"topics":[],"scope":"subscribe"}"#, .tokenMalformed,
        "token payload is not acceptable JSON: duplicate member at byte 12"
      ),
      (#"["exp"]"#, .tokenMalformed, "token payload is not a JSON object"),
      ("foo", .tokenMalformed, "token payload is not acceptable JSON: expected a value at byte 0"),
      (
        "", .tokenMalformed, "token payload is not acceptable JSON: the text ends where a value was expected, at byte 0"
      ),
    ] as [(String, ErrorCode, String)])
  func claims(payload: String, code: ErrorCode, message: String) throws {
    #expect(try TestTokens.refusal(of: TestTokens.signed(payload: payload)) == Refusal(code, message))
  }

  @Test(
    "headers that ask for anything but plain ES256 with a configured key are refused",
    arguments: [
      (#"{"alg":"none"}"#, .tokenSignature, #"token is not signed (alg "none"); only ES256 is accepted"#),
      (#"{"alg":"HS256"}"#, .tokenSignature, "token is signed with HS256; only ES256 is accepted"),
      (#"{"alg":"ES384"}"#, .tokenSignature, "token is signed with ES384; only ES256 is accepted"),
      (#"{"alg":"es256"}"#, .tokenSignature, "token is signed with another algorithm; only ES256 is accepted"),
      (#"{"alg":"None"}"#, .tokenSignature, "token is signed with another algorithm; only ES256 is accepted"),
      (#"{"typ":"JWT"}"#, .tokenMalformed, #"token header has no "alg"; it must be "ES256""#),
      (#"{"alg":["ES256"]}"#, .tokenMalformed, #"token header "alg" is an array; it must be "ES256""#),
      (
        #"{"alg":"ES256","crit":["exp"],"exp":1}"#, .tokenMalformed,
        #"token header has "crit"; no extension is understood: leave it out"#
      ),
      (
        #"{"alg":"ES256","jwk":{}}"#, .tokenMalformed,
        #"token header brings a key of its own ("jwk"); only configured keys count: leave it out"#
      ),
      (
        #"{"alg":"ES256","jku":"https://x"}"#, .tokenMalformed,
        #"token header brings a key of its own ("jku"); only configured keys count: leave it out"#
      ),
      (
        #"{"alg":"ES256","x5u":"https://x"}"#, .tokenMalformed,
        #"token header brings a key of its own ("x5u"); only configured keys count: leave it out"#
      ),
      (
        #"{"alg":"ES256","x5c":[]}"#, .tokenMalformed,
        #"token header brings a key of its own ("x5c"); only configured keys count: leave it out"#
      ),
      (
        #"{"alg":"ES256","b64":false}"#, .tokenMalformed,
        #"token header "b64" asks for an unencoded payload: leave it out"#
      ),
      (#"{"alg":"ES256","kid":7}"#, .tokenMalformed, #"token header "kid" is a number; it must be a string"#),
      (#"{"alg":"ES256","typ":null}"#, .tokenMalformed, #"token header "typ" is null; it must be a string"#),
      (
        #"{"alg":"ES256","alg":"ES256"}"#, .tokenMalformed,
        "token header is not acceptable JSON: duplicate member at byte 15"
      ),
      (
        #"{"alg":"none","al\u0067":"ES256"}"#, .tokenMalformed,
        "token header is not acceptable JSON: duplicate member at byte 14"
      ),
      (#""ES256""#, .tokenMalformed, "token header is not a JSON object"),
      (
        "{", .tokenMalformed,
        "token header is not acceptable JSON: the text ends where a member name or '}' was expected, at byte 1"
      ),
    ] as [(String, ErrorCode, String)])
  func headers(header: String, code: ErrorCode, message: String) throws {
    #expect(try TestTokens.refusal(of: TestTokens.signed(header: header)) == Refusal(code, message))
  }

  @Test(
    "headers with harmless members are accepted",
    arguments: [
      #"{"alg":"ES256"}"#, #"{"typ":"jwt","alg":"ES256"}"#, #"{"alg":"ES256","typ":"at+jwt","cty":"x","b64":true}"#,
      #" { "alg" : "ES256" , "kid" : "unknown", "x5t":"abc" } "#,
    ])
  func harmlessHeaders(header: String) throws {
    #expect(try TestTokens.refusal(of: TestTokens.signed(header: header)) == nil)
  }

  @Test("an empty token is missing, not malformed")
  func missing() throws {
    #expect(try TestTokens.refusal(of: "") == Refusal(.tokenMissing, "a token is needed and there is none"))
  }

  @Test("texts that are no compact JWS are malformed")
  func malformed() throws {
    let token = try TestTokens.signed()
    for text in [
      "x", ".", "..", "...", token + ".", "." + token, token + "=", token + "\n", " " + token, "Bearer " + token,
      token.replacing(".", with: ""), String(token.dropFirst()), "é" + token, "\0", token + "\0",
    ] {
      #expect(try TestTokens.refusal(of: text)?.code == .tokenMalformed, "\(text.count) characters")
    }
  }

  @Test("base64url that is not canonical is refused in every part, though its signature is good")
  func notCanonical() throws {
    let header = #"{"alg":"ES256"} "#
    let good = Base64URL.encode(header.utf8)
    #expect(good.utf8.count % 4 == 2, "the last character must have unused bits for this test")
    let payload = Base64URL.encode(TestTokens.payload.utf8)
    #expect(try TestTokens.refusal(of: TestTokens.signed(parts: good + "." + payload)) == nil)
    let stray = String(good.dropLast()) + "B"
    for parts in [stray + "." + payload, good + "==." + payload, good + "." + payload + "=", good + ". " + payload] {
      #expect(try TestTokens.refusal(of: TestTokens.signed(parts: parts))?.code == .tokenMalformed)
    }
    let standard = try TestTokens.signed().replacing("-", with: "+").replacing("_", with: "/") + "+"
    #expect(try TestTokens.refusal(of: standard)?.code == .tokenMalformed)
  }

  @Test("a token of 8,192 bytes is accepted, one byte more is refused unread")
  func length() throws {
    var padding = 5000
    var token = ""
    while token.utf8.count < 8192 {
      let filler = String(repeating: " ", count: padding)
      token = try TestTokens.signed(payload: TestTokens.payload + filler)
      padding += max(1, (8192 - token.utf8.count) * 3 / 4)
    }
    // Base64url without padding comes in every length but those that leave 1 of 4.
    #expect(token.utf8.count == 8192)
    #expect(try TestTokens.refusal(of: token) == nil)
    #expect(
      try TestTokens.refusal(of: token + "A")
        == Refusal(.tokenMalformed, "token has 8193 bytes; at most 8192 are accepted"))
  }

  @Test("a signature that is missing, in DER, of the wrong length or by another key is refused")
  func signatures() throws {
    let token = try TestTokens.signed()
    let parts = token.split(separator: ".").map(String.init)
    let unsigned = parts[0] + "." + parts[1] + "."
    #expect(try TestTokens.refusal(of: unsigned) == Refusal(.tokenSignature, "token is not signed; sign it with ES256"))

    let raw = try Base64URL.decode(parts[2])
    func integer(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
      let positive = (bytes.first ?? 0) > 127 ? [0] + bytes : Array(bytes)
      return [2, UInt8(positive.count)] + positive
    }
    let numbers = integer(raw[..<32]) + integer(raw[32...])
    let der = [0x30, UInt8(numbers.count)] + numbers
    let refusal = try TestTokens.refusal(of: unsigned + Base64URL.encode(der))
    #expect(refusal?.code == .tokenSignature)
    #expect(refusal?.message == "token signature has \(der.count) bytes; ES256 makes 64 (r and s, not DER)")
    for other in [Array(raw.dropLast()), raw + [0], [0] + raw] {
      #expect(try TestTokens.refusal(of: unsigned + Base64URL.encode(other))?.code == .tokenSignature)
    }

    let stranger = try TokenSigner(key: PrivateKey.generate())
    let foreign = try stranger.sign(Claims(topics: ["news"], scope: .subscribe, expires: 1000))
    #expect(
      try TestTokens.refusal(of: foreign)
        == Refusal(
          .tokenSignature,
          "token signature is not by a configured key: sign with the private key that belongs to the public one here"))
  }

  @Test("nothing is said about the claims of a token whose signature is not good")
  func signatureComesFirst() throws {
    let stranger = try PrivateKey.generate()
    for payload in ["not JSON", #"{"exp":1}"#, #"{"aud":"x"}"#, TestTokens.payload] {
      let parts = Base64URL.encode(TestTokens.header.utf8) + "." + Base64URL.encode(payload.utf8)
      let token = parts + "." + Base64URL.encode(try ES256.sign(Array(parts.utf8), with: stranger.key))
      #expect(try TestTokens.refusal(of: token, now: 5000)?.code == .tokenSignature)
    }
  }

  @Test("a verifier without keys refuses every token")
  func noKeys() throws {
    let token = try TestTokens.signed()
    #expect(throws: Refusal(.tokenSignature, "token cannot be verified: no public key is configured")) {
      try TokenVerifier(keys: []).verify(token, now: 0)
    }
  }

  @Test("with several keys any of them verifies, whatever kid the token names")
  func severalKeys() throws {
    let keys = try (0..<4).map { _ in try PrivateKey.generate() }
    let verifier = TokenVerifier(keys: KeySet(keys.map(\.publicKey) + keys.map(\.publicKey)))
    let claims = Claims(topics: ["t"], scope: .broadcast, expires: 10)
    for key in keys {
      let signer = TokenSigner(key: key)
      #expect(try verifier.verify(signer.sign(claims), now: 0) == claims)
      #expect(try verifier.verify(signer.sign(claims, keyID: key.publicKey.thumbprint), now: 0) == claims)
    }
    let misleading = try TestTokens.signed(header: #"{"alg":"ES256","kid":"\#(keys[2].publicKey.thumbprint)"}"#)
    let all = TokenVerifier(keys: KeySet(keys.map(\.publicKey) + [try TestTokens.privateKey().publicKey]))
    #expect(try all.verify(misleading, now: 0).scope == .subscribe)
  }

  @Test("the key that kid names is tried first, and every other one after it; no kid is a reason to refuse")
  func kidComesFirst() throws {
    let keys = try (0..<4).map { _ in try PrivateKey.generate().publicKey }
    var set = KeySet(keys)
    set.insert(keys[1], named: "é")
    set.formUnion([keys[3]])
    #expect(set.count == 4)
    for key in keys {
      let order = set.order(for: key.thumbprint)
      #expect(order.first == key)
      #expect(order.count == 4 && Set(order) == Set(keys))
    }
    #expect(set.order(for: "é") == [keys[1], keys[0], keys[2], keys[3]])
    for name in [nil, "", "unknown", keys[2].thumbprint.lowercased(), "e\u{301}"] as [String?] {
      #expect(set.order(for: name) == keys)
    }
  }

  @Test("a name that several files have, or that is another key's thumbprint, leads to all keys of that name")
  func sharedNames() throws {
    let keys = try (0..<4).map { _ in try PrivateKey.generate().publicKey }
    var other: KeySet = [keys[2]]
    other.insert(keys[3], named: "2026")
    other.insert(keys[3], named: "2026")
    other.insert(keys[2], named: keys[0].thumbprint)
    var set: KeySet = [keys[0]]
    set.insert(keys[1], named: "2026")
    set.formUnion(other)
    #expect(set.order(for: "2026") == [keys[1], keys[3], keys[0], keys[2]])
    #expect(set.order(for: keys[0].thumbprint) == [keys[0], keys[2], keys[1], keys[3]])
    #expect(set.order(for: nil) == [keys[0], keys[1], keys[2], keys[3]])
  }

  @Test("one verifier serves many tasks at the same time")
  func concurrent() async throws {
    let good = try TestTokens.signed()
    let bad = String(good.dropLast(3)) + "AAA"
    let verifier = try TestTokens.verifier()
    await withTaskGroup(of: Int.self) { group in
      for _ in 0..<8 {
        group.addTask {
          (0..<100).reduce(0) { sum, _ in
            let accepted = (try? verifier.verify(good, now: 0)) != nil
            let refused = (try? verifier.verify(bad, now: 0)) == nil
            return sum + (accepted && refused ? 1 : 0)
          }
        }
      }
      for await right in group { #expect(right == 100) }
    }
  }
}
