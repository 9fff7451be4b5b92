import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("Using tokens: time, scope, topics")
struct TokenUseTests {
  @Test(
    "a token is refused from exp on, and the text says since when",
    arguments: [
      (999.999, nil), (1000, "token expired less than 1 s ago"), (1000.5, "token expired less than 1 s ago"),
      (1012.9, "token expired 12 s ago"), (1119, "token expired 119 s ago"), (1120, "token expired 2 min ago"),
      (8199, "token expired 119 min ago"), (8200, "token expired 2 h ago"),
      (1000 + 172_800, "token expired 2 days ago"),
      (1e300, "token expired 1000000000000 days ago"), (.infinity, "token expired a very long time ago"),
      (.nan, "token expired a very long time ago"),
    ] as [(Double, String?)])
  func expiry(now: Double, message: String?) throws {
    let refusal = try TestTokens.refusal(of: TestTokens.signed(), now: now)
    #expect(refusal == message.map { Refusal(.tokenExpired, $0) })
  }

  @Test(
    "a token is refused before nbf, and the text says for how long",
    arguments: [
      (500, nil), (500.001, nil), (499.5, "token not valid for another 1 s"), (470, "token not valid for another 30 s"),
      (-1e308, "token not valid for another 1000000000000 days"),
    ] as [(Double, String?)])
  func notBefore(now: Double, message: String?) throws {
    let token = try TestTokens.signed(payload: #"{"exp":1000,"nbf":500,"topics":[],"scope":"subscribe"}"#)
    #expect(try TestTokens.refusal(of: token, now: now) == message.map { Refusal(.tokenNotYetValid, $0) })
  }

  @Test("exp may have a fraction or an exponent")
  func fractions() throws {
    let token = try TestTokens.signed(payload: #"{"exp":1.00025e3,"topics":[],"scope":"subscribe"}"#)
    #expect(try TestTokens.verifier().verify(token, now: 1000.2).expires == 1000.25)
    #expect(try TestTokens.refusal(of: token, now: 1000.25)?.code == .tokenExpired)
  }

  @Test("leeway moves both ends by as much")
  func leeway() throws {
    let token = try TestTokens.signed(payload: #"{"exp":1000,"nbf":500,"topics":[],"scope":"subscribe"}"#)
    let verifier = try TestTokens.verifier(leeway: 5)
    for now in [495, 1004.9] { #expect(try verifier.verify(token, now: now).expires == 1000) }
    #expect(throws: Refusal(.tokenExpired, "token expired 5 s ago")) { try verifier.verify(token, now: 1005) }
    #expect(throws: Refusal(.tokenNotYetValid, "token not valid for another 6 s")) {
      try verifier.verify(token, now: 494.9)
    }
  }

  @Test("a token opens its topics for its scope and nothing else")
  func grants() throws {
    let verifier = try TestTokens.verifier()
    let token = try TestTokens.signed()
    let claims = try verifier.authorize(token, scope: .subscribe, topics: ["news", "a b"], now: 0)
    #expect(claims.topics == ["news", "a b"])
    #expect(throws: Refusal(.topicNotAllowed, #"topic "ne\"ws" is not among the topics of the token"#)) {
      try verifier.authorize(token, scope: .subscribe, topics: ["news", "ne\"ws"], now: 0)
    }
    let wrongScope = Refusal(
      .tokenScope, #"token is for scope "subscribe"; this needs one made by notiflux token broadcast"#)
    #expect(throws: wrongScope) { try verifier.authorize(token, scope: .broadcast, topics: ["none"], now: 0) }
    #expect(throws: Refusal(.tokenExpired, "token expired 5 s ago")) {
      try verifier.authorize(token, scope: .broadcast, topics: [], now: 1005)
    }
  }

  @Test("topics are compared byte for byte: no case, no normal forms, no prefixes")
  func exactTopics() throws {
    let claims = Claims(topics: ["caf\u{E9}", "Ab"], scope: .subscribe, expires: 1)
    #expect(claims.allows(topic: "caf\u{E9}"))
    for other in ["cafe\u{301}", "ab", "Ab ", "A", "", "Ab\0"] { #expect(!claims.allows(topic: other)) }
    var composed = claims
    composed.topics[0] = "cafe\u{301}"
    #expect(claims != composed)
  }

  @Test("claims that were verified once are judged anew at each use")
  func rememberedClaims() throws {
    let verifier = try TestTokens.verifier()
    let claims = try verifier.claims(of: Array(TestTokens.signed().utf8))
    #expect(throws: Never.self) { try verifier.authorize(claims, scope: .subscribe, topics: ["news"], now: 999) }
    #expect(throws: Refusal(.tokenExpired, "token expired less than 1 s ago")) {
      try verifier.authorize(claims, scope: .subscribe, topics: ["news"], now: 1000)
    }
  }
}

@Suite("Signing tokens")
struct TokenSignerTests {
  @Test("all claims come back as they were signed")
  func roundTrip() throws {
    let signer = TokenSigner(key: try TestTokens.privateKey())
    let full = Claims(
      topics: ["a \"b\"", "ü\u{1}", "😀"], scope: .broadcast, expires: 1_764_000_000.125, notBefore: -1, issuedAt: 0.5,
      id: "j", subject: "s")
    #expect(try TestTokens.verifier().verify(signer.sign(full), now: 0) == full)
    var odd = Claims(topics: [], scope: .subscribe, expires: 1e21)
    odd.subjectValue = ["id": [1, .null]]
    #expect(try TestTokens.verifier().verify(signer.sign(odd), now: 0) == odd)
    #expect(odd.subject == nil)
  }

  @Test("the header says ES256 and JWT, and names the key when asked to")
  func header() throws {
    let key = try TestTokens.privateKey()
    let claims = Claims(topics: ["t"], scope: .subscribe, expires: 60, issuedAt: 0, subject: "me")
    func part(_ token: String, _ index: Int) throws -> String {
      String(decoding: try Base64URL.decode(String(token.split(separator: ".")[index])), as: UTF8.self)
    }
    let plain = try TokenSigner(key: key).sign(claims)
    #expect(try part(plain, 0) == #"{"alg":"ES256","typ":"JWT"}"#)
    #expect(try part(plain, 1) == #"{"sub":"me","iat":0,"exp":60,"topics":["t"],"scope":"subscribe"}"#)
    let named = try TokenSigner(key: key).sign(claims, keyID: key.publicKey.thumbprint)
    #expect(try part(named, 0) == #"{"alg":"ES256","typ":"JWT","kid":"\#(key.publicKey.thumbprint)"}"#)
  }

  @Test("a token that no server would accept is not made")
  func refused() throws {
    let signer = TokenSigner(key: try TestTokens.privateKey())
    #expect(throws: TokenError("claim \"exp\" must be a finite time")) {
      try signer.sign(Claims(topics: [], scope: .subscribe, expires: .infinity))
    }
    let many = (0..<800).map { "topic \($0)" }
    let error = #expect(throws: TokenError.self) {
      try signer.sign(Claims(topics: many, scope: .subscribe, expires: 1))
    }
    #expect(error?.message.hasSuffix("at most 8192 are accepted: name fewer topics") == true)
  }

  @Test("two tokens of the same claims differ: each signature has a nonce of its own")
  func nonce() throws {
    let signer = TokenSigner(key: try TestTokens.privateKey())
    let claims = Claims(topics: ["t"], scope: .subscribe, expires: 60)
    let tokens = try (0..<20).map { _ in try signer.sign(claims) }
    #expect(Set(tokens).count == 20)
  }
}

@Suite("Inspecting tokens")
struct TokenInspectionTests {
  @Test("a good token is shown with its dates and no refusal")
  func good() throws {
    let key = try PublicKey(pem: KeyFixture.publicKey)
    let token = try TestTokens.signed(payload: #"{"exp":9.5,"nbf":1,"iat":0,"topics":["x"],"scope":"broadcast"}"#)
    let inspection = TokenInspection(of: token, keys: [key], now: 5)
    #expect(inspection.refusals.isEmpty)
    #expect(inspection.signature == .good)
    #expect(inspection.note == nil)
    #expect(inspection.header == ["alg": "ES256", "typ": "JWT"])
    #expect(inspection.claims?.object?["scope"] == "broadcast")
    #expect(inspection.expires == 9.5)
    #expect(inspection.notBefore == 1)
    #expect(inspection.issuedAt == 0)
  }

  @Test("without a key the signature is not checked, and that is said")
  func noKey() throws {
    let inspection = TokenInspection(of: try TestTokens.signed(), now: 5)
    #expect(inspection.signature == .notChecked)
    #expect(inspection.note == "the signature was not checked: give the public key with --public-key or --jwks FILE")
    #expect(inspection.refusals.isEmpty)
  }

  @Test("every reason is named, not only the first")
  func everyReason() throws {
    let parts =
      Base64URL.encode(#"{"alg":"HS256","crit":[],"kid":1}"#.utf8) + "."
      + Base64URL.encode(#"{"exp":10,"nbf":30,"topics":"t","scope":"x","aud":"y"}"#.utf8)
    let inspection = TokenInspection(of: parts + ".AAAA", keys: [try PublicKey(pem: KeyFixture.publicKey)], now: 20)
    #expect(inspection.signature == .refused)
    #expect(
      inspection.refusals.map(\.message) == [
        "token is signed with HS256; only ES256 is accepted",
        "token header has \"crit\"; no extension is understood: leave it out",
        "token header \"kid\" is a number; it must be a string",
        "token signature has 3 bytes; ES256 makes 64 (r and s, not DER)",
        "claim \"topics\" is a string; it must be an array of strings",
        "claim \"scope\" is neither \"subscribe\" nor \"broadcast\"",
        "token has the claim \"aud\"; this server is nobody's named audience: leave it out",
        "token expired 10 s ago",
        "token not valid for another 10 s",
      ])
  }

  @Test("a verifier's refusal is the first of an inspection's, for good and bad tokens alike")
  func agreement() throws {
    let key = try PublicKey(pem: KeyFixture.publicKey)
    let foreign = try TokenSigner(key: .generate()).sign(Claims(topics: [], scope: .subscribe, expires: 1))
    for token in try [
      TestTokens.signed(), foreign, "", "a.b", "a.b.c", "é..", TestTokens.signed(payload: "{}"),
      TestTokens.signed(payload: "[]"), TestTokens.signed(header: "[]"), TestTokens.signed(header: "{}"),
    ] {
      for now in [0, 2000] as [Double] {
        let inspection = TokenInspection(of: token, keys: [key], now: now)
        #expect(try TestTokens.refusal(of: token, now: now) == inspection.refusals.first)
      }
    }
  }

  @Test("what cannot be read is left out and the rest still shown")
  func partly() throws {
    let payload = Base64URL.encode(TestTokens.payload.utf8)
    let inspection = TokenInspection(of: "e30=.\(payload).AA", now: 0)
    #expect(inspection.header == nil)
    #expect(inspection.claims?.object?["scope"] == "subscribe")
    #expect(inspection.refusals.map(\.code) == [.tokenMalformed, .tokenSignature])
  }
}
