import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// What a publisher that has just been granted something is granted without a question.
@Suite struct GrantTests {
  private let clock = StandingClock()
  private let key: PrivateKey
  private let topic: Topic

  init() throws {
    key = try PrivateKey.generate()
    topic = try Topic("é")
  }

  private func token(expires: Double = 2000, topics: [String] = ["é", "b"]) throws -> String {
    try TokenSigner(key: key).sign(Claims(topics: topics, scope: .broadcast, expires: expires))
  }

  /// One that has remembered `token`.
  private func authorizer(
    _ token: String, leeway: Double = 0, rates: AuthRates = AuthRates()
  ) throws -> Authorizer {
    let authorizer = Authorizer(
      keys: [key.publicKey], leeway: leeway, threads: 0, rates: rates, now: clock.now, uptime: { 0 })
    #expect(try authorizer.inTheEnd(token, .broadcast, "é") == nil)
    return authorizer
  }

  /// The refusal's code; `internal` for what is to be verified first.
  private func use(
    _ grant: inout Grant?, _ authorizer: Authorizer, _ token: String, scope: Scope = .broadcast, _ topics: [Topic]
  ) -> ErrorCode? {
    switch authorizer.authorize(token, scope: scope, topics: topics, by: TestPayer(), remembering: &grant) {
    case .granted: nil
    case .refused(let refusal): refusal.code
    case .unverified: .internal
    }
  }

  @Test("a grant is used for a second, then the table is asked again, and so it is when the clock goes back")
  func lifetime() throws {
    let token = try token()
    let authorizer = try authorizer(token)
    var grant: Grant?
    for (time, given) in [(1000.0, 1000.0), (1000.9, 1000), (1001, 1001), (1001.5, 1001), (1000.5, 1000.5)] {
      clock.set(time)
      #expect(use(&grant, authorizer, token, [topic]) == nil)
      #expect(grant?.given == given)
    }
  }

  @Test("a grant ends with the token, to the instant, leeway included", arguments: [0.0, 5])
  func expiry(leeway: Double) throws {
    let token = try token(expires: 1000.5)
    let authorizer = try authorizer(token, leeway: leeway)
    var grant: Grant?
    clock.set(1000.4 + leeway)
    #expect(use(&grant, authorizer, token, [topic]) == nil)
    #expect(grant != nil)
    clock.set(1000.5 + leeway)
    #expect(use(&grant, authorizer, token, [topic]) == .tokenExpired)
  }

  @Test("a grant ends with the keys")
  func keys() throws {
    let token = try token()
    let authorizer = try authorizer(token)
    var grant: Grant?
    #expect(use(&grant, authorizer, token, [topic]) == nil)
    authorizer.replaceKeys([try PrivateKey.generate().publicKey])
    #expect(use(&grant, authorizer, token, [topic]) == .internal)
    authorizer.replaceKeys([key.publicKey])
    #expect(use(&grant, authorizer, token, [topic]) == .internal, "it is not that of the first keys")
  }

  @Test("a grant is for one token, scope and topic, byte for byte")
  func sameBytes() throws {
    var token = try token()
    while !token.contains("K") { token = try self.token() }
    let authorizer = try authorizer(token)
    var grant: Grant?
    #expect(use(&grant, authorizer, token, [topic]) == nil)
    // U+212A is a K by Unicode's canonical equivalence, and e with U+0301 is an é.
    #expect(use(&grant, authorizer, token.replacing("K", with: "\u{212A}"), [topic]) == .tokenMalformed)
    #expect(use(&grant, authorizer, token, [try Topic("e\u{301}")]) == .topicNotAllowed)
    #expect(use(&grant, authorizer, token, [try Topic("c")]) == .topicNotAllowed)
    #expect(use(&grant, authorizer, token, [topic, try Topic("c")]) == .topicNotAllowed)
    #expect(use(&grant, authorizer, token, scope: .subscribe, [topic]) == .tokenScope)
    #expect(use(&grant, authorizer, String(token.dropLast()), [topic]) != nil)
    #expect(use(&grant, authorizer, "", [topic]) == .tokenMissing)
    #expect(use(&grant, authorizer, token, [topic]) == nil)
  }

  @Test("where publishes are counted, each is")
  func rate() throws {
    let token = try token()
    // The check of the token counts as the first use.
    let authorizer = try authorizer(token, rates: AuthRates(publishing: RateLimit(perSecond: 1, burst: 3)))
    var grant: Grant?
    #expect((0..<3).map { _ in use(&grant, authorizer, token, [topic]) } == [nil, nil, .rateLimited])
  }

  @Test("who subscribes, which is done once, gets none")
  func subscribing() throws {
    let authorizer = try authorizer(try token())
    let token = try TokenSigner(key: key).sign(Claims(topics: ["é"], scope: .subscribe, expires: 2000))
    #expect(try authorizer.inTheEnd(token, .subscribe, "é") == nil)
    var grant: Grant?
    #expect(use(&grant, authorizer, token, scope: .subscribe, [topic]) == nil)
    #expect(grant == nil)
  }

  @Test("several topics, and tokens of more than 1 KiB, are looked up at each use")
  func unsuitable() throws {
    let long = try token(topics: ["é", String(repeating: "x", count: 1024)])
    for (token, topics) in [(try token(), [topic, try Topic("b")]), (long, [topic])] {
      var grant: Grant?
      #expect(use(&grant, try authorizer(token), token, topics) == nil)
      #expect(grant == nil)
    }
  }
}
