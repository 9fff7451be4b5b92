import NotifluxJWT
import Testing

@testable import NotifluxServer

extension TokenCache {
  fileprivate mutating func claims(of token: String) -> Claims? { use(token) { claims, _, _ in claims } }

  fileprivate mutating func insert(_ token: String, _ claims: Claims) {
    insert(token, claims, TokenOrigin(of: claims, signedBy: TokenCacheTests.key))
  }
}

@Suite("The cache of verified tokens")
struct TokenCacheTests {
  fileprivate static let key: PublicKey = {
    do { return try PrivateKey.generate().publicKey } catch { preconditionFailure("\(error)") }
  }()

  private func claims(_ topic: String = "t", expires: Double = 2000) -> Claims {
    Claims(topics: [topic], scope: .broadcast, expires: expires)
  }

  @Test("what was inserted is found, by exactly the same bytes only")
  func identity() {
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJlIHRoYXQgaXMgbG9uZyBlbm91Z2g"
    var cache = TokenCache()
    cache.insert(token, claims())
    #expect(cache.claims(of: token) == claims())
    for index in token.utf8.indices {
      for bit in 0..<7 {
        var changed = Array(token.utf8)
        changed[token.utf8.distance(from: token.startIndex, to: index)] ^= 1 << bit
        #expect(cache.claims(of: String(decoding: changed, as: UTF8.self)) == nil)
      }
    }
    for other in ["", ".", String(token.dropLast()), String(token.dropFirst()), token + "A", "A" + token] {
      #expect(cache.claims(of: other) == nil)
    }
  }

  @Test("canonically equivalent texts are different tokens")
  func bytes() {
    var cache = TokenCache()
    cache.insert("\u{E9}", claims())
    #expect(cache.claims(of: "e\u{301}") == nil)
    #expect(cache.claims(of: "\u{E9}") != nil)
  }

  @Test("of the claims those that are judged at each use are at hand; names cost what they take")
  func lean() {
    var cache = TokenCache()
    let full = Claims(
      topics: ["a", "b"], scope: .subscribe, expires: 5, notBefore: 1, issuedAt: 2, id: "id", subject: "sub")
    cache.insert("token", full)
    let bare = Claims(topics: ["a", "b"], scope: .subscribe, expires: 5, notBefore: 1)
    #expect(cache.claims(of: "token") == bare)
    #expect(TokenCache.cost("token", full) == TokenCache.cost("token", bare) + 5)
  }

  @Test("those that are no longer good are forgotten, and nothing else is", arguments: 1..<6)
  func keep(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let other = try PrivateKey.generate().publicKey
    var cache = TokenCache()
    var bad: Set<String> = []
    for index in 0..<200 {
      let (isOther, isNamed) = (random.next() % 3 == 0, random.next() % 3 == 0)
      let claims = Claims(topics: ["t"], scope: .broadcast, expires: 5, id: isNamed ? "bad" : "good")
      cache.insert("token \(index)", claims, TokenOrigin(of: claims, signedBy: isOther ? other : Self.key))
      if isOther || isNamed { bad.insert("token \(index)") }
    }
    let list = try RevocationList(Array("jti bad\n".utf8))
    let verifier = TokenVerifier(keys: [Self.key], revocations: list)
    cache.keep { verifier.accepts($0) }
    #expect(cache.count == 200 - bad.count)
    for index in 0..<200 { #expect((cache.claims(of: "token \(index)") == nil) == bad.contains("token \(index)")) }
    cache.keep { _ in false }
    #expect(cache.count == 0 && cache.bytes == 0)
  }

  @Test("there are never more tokens or bytes than allowed, whatever is inserted", arguments: 1..<10)
  func bounds(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    var cache = TokenCache(maximumCount: 20, maximumBytes: 13_000)
    var inserted: [String: Claims] = [:]
    for round in 0..<1000 {
      let token = String(repeating: "x", count: Int.random(in: 0..<900, using: &random)) + String(random.next() % 300)
      switch Int.random(in: 0..<8, using: &random) {
      case 0..<4:
        if inserted[token] == nil { inserted[token] = claims("topic of \(token.utf8.count)") }
        inserted[token].map { cache.insert(token, $0) }
        #expect(cache.claims(of: token) != nil, "the newest token is there")
      case 4..<7:
        for token in inserted.keys.prefix(20) {
          if let found = cache.claims(of: token) { #expect(found == inserted[token]) }
        }
      default:
        cache.remove(token)
        #expect(cache.claims(of: token) == nil)
      }
      #expect(cache.count <= 20)
      #expect(cache.bytes <= 13_000)
      guard round % 50 == 0 else { continue }
      let there = inserted.filter { cache.claims(of: $0.key) != nil }
      #expect(there.count == cache.count)
      #expect(there.reduce(0) { $0 + TokenCache.cost($1.key, $1.value) } == cache.bytes)
    }
  }

  @Test("a token that is too large for the whole cache is not kept and drives nothing out")
  func tooLarge() {
    var cache = TokenCache(maximumCount: 10, maximumBytes: 1000)
    cache.insert("small", claims())
    cache.insert(String(repeating: "x", count: 1000), claims())
    #expect(cache.count == 1)
    #expect(cache.claims(of: "small") != nil)
  }

  @Test("tokens that are used outlive those that are not")
  func secondChance() {
    var cache = TokenCache(maximumCount: 8, maximumBytes: 1 << 20)
    cache.insert("used", claims())
    for index in 0..<100 {
      #expect(cache.claims(of: "used") != nil)
      cache.insert("once \(index)", claims())
    }
    #expect(cache.claims(of: "used") != nil)
    #expect(cache.count == 8)
  }

  @Test("when all were used, one goes all the same")
  func allUsed() {
    var cache = TokenCache(maximumCount: 100, maximumBytes: 1 << 20)
    for index in 0..<200 {
      cache.insert("token \(index)", claims())
      for earlier in 0...index { _ = cache.claims(of: "token \(earlier)") }
    }
    #expect(cache.count == 100)
    #expect(cache.claims(of: "token 199") != nil)
  }

  @Test("sweeping forgets the expired tokens and no others, some at a time")
  func sweep() {
    var cache = TokenCache()
    for index in 0..<100 { cache.insert("token \(index)", claims(expires: index % 3 == 0 ? 10 : 11)) }
    for _ in 0..<20 { cache.sweep(expiredAt: 9.5, limit: 10) }
    #expect(cache.count == 100)
    cache.sweep(expiredAt: 10, limit: 3)
    #expect(cache.count >= 97)
    for _ in 0..<20 { cache.sweep(expiredAt: 10, limit: 10) }
    #expect(cache.count == 66)
    for index in 0..<100 { #expect((cache.claims(of: "token \(index)") == nil) == (index % 3 == 0)) }
    for _ in 0..<20 { cache.sweep(expiredAt: 11, limit: 10) }
    #expect(cache.count == 0)
    #expect(cache.bytes == 0)
  }
}
