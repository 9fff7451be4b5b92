import NIOCore
import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite("Rates of tokens")
struct AuthRateTests {
  private let clock = StandingClock()
  private let uptime = StandingClock()
  private let key: PrivateKey

  init() throws { key = try PrivateKey.generate() }

  private func authorizer(threads: Int = 0, _ rates: AuthRates) -> Authorizer {
    Authorizer(
      keys: [key.publicKey], leeway: 0, threads: threads, rates: rates, now: clock.now, uptime: uptime.now)
  }

  private func token(
    _ subject: String?, _ scope: Scope = .broadcast, expires: Double = 2000, by key: PrivateKey? = nil
  ) throws -> String {
    try TokenSigner(key: key ?? self.key).sign(
      Claims(topics: ["a", "b", "c"], scope: scope, expires: expires, subject: subject))
  }

  // MARK: Publishing

  @Test("tokens with the same subject share its rate, whether they were checked before or not", arguments: [0, 1])
  func sharedBySubject(threads: Int) throws {
    let authorizer = authorizer(threads: threads, AuthRates(publishing: RateLimit(perSecond: 0.5, burst: 3)))
    defer { authorizer.stop() }
    let (first, second) = (try token("s"), try token("s", expires: 2001))
    #expect(try authorizer.inTheEnd(first, .broadcast, "a") == nil)
    #expect(try authorizer.inTheEnd(second, .broadcast, "a") == nil)
    #expect(try authorizer.atOnce(first, .broadcast, "a")?.code == nil)
    #expect(try authorizer.atOnce(second, .broadcast, "a")?.code == .rateLimited)
    let third = try token("s", expires: 2002)
    #expect(try authorizer.inTheEnd(third, .broadcast, "a") == .rateLimited, "its first use counts too")
    #expect(try authorizer.inTheEnd(token("other"), .broadcast, "a") == nil)
    uptime.set(1002)
    #expect(try authorizer.atOnce(third, .broadcast, "a")?.code == nil)
    #expect(try authorizer.atOnce(first, .broadcast, "a")?.code == .rateLimited)
  }

  @Test("a token without a subject has a rate of its own")
  func withoutSubject() throws {
    let authorizer = authorizer(AuthRates(publishing: RateLimit(perSecond: 1, burst: 1)))
    let (first, second) = (try token(nil), try token(nil, expires: 2001))
    #expect(try authorizer.inTheEnd(first, .broadcast, "a") == nil)
    #expect(try authorizer.inTheEnd(second, .broadcast, "a") == nil)
    #expect(try authorizer.atOnce(first, .broadcast, "a")?.code == .rateLimited)
  }

  @Test("a publish counts once for each topic, and says when to come back")
  func topicsCount() throws {
    let authorizer = authorizer(AuthRates(publishing: RateLimit(perSecond: 1, burst: 2)))
    let token = try token("s")
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    #expect(try authorizer.atOnce(token, .broadcast, "a", "b", "c")?.code == nil, "more than is left, once")
    guard case .failure(let refusal)? = try authorizer.atOnce(token, .broadcast, "a") else {
      return #expect(Bool(false), "granted")
    }
    #expect(refusal.retryAfter == 3)
    #expect(refusal.message.hasSuffix("try again in 3 s"))
    uptime.set(1003)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == nil)
    #expect(try authorizer.atOnce(token, .broadcast, "a", "b")?.code == .rateLimited)
  }

  @Test("what is refused for another reason does not count, nor does a subscribe")
  func onlyPublishes() throws {
    let authorizer = authorizer(AuthRates(publishing: RateLimit(perSecond: 1, burst: 1)))
    let token = try token("s")
    #expect(try authorizer.inTheEnd(token, .broadcast, "z") == .topicNotAllowed)
    #expect(try authorizer.atOnce(token, .broadcast, "z")?.code == .topicNotAllowed)
    #expect(try authorizer.atOnce(token, .broadcast, "a", "z")?.code == .topicNotAllowed)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == nil)
    let subscriber = try self.token("s", .subscribe)
    #expect(try authorizer.inTheEnd(subscriber, .subscribe, "a") == nil)
    for _ in 0..<10 { #expect(try authorizer.atOnce(subscriber, .subscribe, "a")?.code == nil) }
  }

  @Test("subjects are forgotten when they have nothing to pay and no token of theirs is remembered")
  func forgotten() throws {
    var rates = PublishRates()
    let claims = Claims(topics: [], scope: .broadcast, expires: 1, subject: "s")
    let first = rates.bucket(of: claims, token: "x", now: 0)
    #expect(rates.bucket(of: claims, token: "y", now: 0) === first)
    rates.sweep(now: 1)
    #expect(rates.bucket(of: claims, token: "z", now: 1) === first)
    let other = Claims(topics: [], scope: .broadcast, expires: 1)
    #expect(rates.bucket(of: other, token: "x", now: 0) !== rates.bucket(of: other, token: "y", now: 0))
  }

  // MARK: Bad tokens

  /// The code in the end; which tokens are checked shows in the clock being read.
  private func use(_ token: String, _ authorizer: Authorizer, _ payer: TestPayer, _ topic: String = "a") throws
    -> ErrorCode?
  {
    try authorizer.inTheEnd(token, .broadcast, topic, by: payer)
  }

  @Test("beyond the rate of bad tokens none of the connection is checked, but remembered ones pass", arguments: [0, 1])
  func perConnection(threads: Int) throws {
    let authorizer = authorizer(threads: threads, AuthRates(badTokens: RateLimit(perSecond: 1, burst: 3)))
    defer { authorizer.stop() }
    let (payer, foreign) = (TestPayer(), try PrivateKey.generate())
    let (known, new) = (try token("known"), try token("new"))
    #expect(try use(known, authorizer, payer) == nil)
    for index in 0..<3 {
      #expect(try use(token("\(index)", by: foreign), authorizer, payer) == .tokenSignature)
    }
    #expect(try use(token("more", by: foreign), authorizer, payer) == .rateLimited)
    #expect(try use(new, authorizer, payer) == .rateLimited, "nobody knows yet that it is good")
    #expect(try use(known, authorizer, payer) == nil)
    #expect(try use(new, authorizer, TestPayer()) == nil, "another connection has failed nothing")
    #expect(try use(new, authorizer, payer) == nil)
    uptime.set(1001)
    #expect(try use(token("later", by: foreign), authorizer, payer) == .tokenSignature)
    #expect(try use(token("again", by: foreign), authorizer, payer) == .rateLimited)
  }

  @Test("a revoked token counts as a bad one each time; remembered ones pass after a reload too", arguments: [0, 1])
  func revoked(threads: Int) throws {
    let authorizer = authorizer(threads: threads, AuthRates(badTokens: RateLimit(perSecond: 1, burst: 3)))
    defer { authorizer.stop() }
    let payer = TestPayer()
    let (good, revoked) = (try token("good"), try token("revoked"))
    #expect(try use(good, authorizer, payer) == nil)
    #expect(try use(revoked, authorizer, payer) == nil)
    authorizer.replaceKeys([key.publicKey], revocations: try RevocationList(Array("sub revoked\n".utf8)))
    for _ in 0..<3 { #expect(try use(revoked, authorizer, payer) == .tokenClaims) }
    #expect(try use(revoked, authorizer, payer) == .rateLimited)
    #expect(try use(good, authorizer, payer) == nil)
  }

  @Test("a token that has expired is checked each time, so it counts; one for another topic is remembered and does not")
  func whatCounts() throws {
    let authorizer = authorizer(AuthRates(badTokens: RateLimit(perSecond: 1, burst: 2)))
    let payer = TestPayer()
    let good = try token("good")
    for _ in 0..<5 { #expect(try use(good, authorizer, payer, "z") == .topicNotAllowed) }
    for _ in 0..<5 { #expect(try use("no token", authorizer, payer) == .tokenMalformed) }
    let expired = try token("old", expires: 999)
    for _ in 0..<2 { #expect(try use(expired, authorizer, payer) == .tokenExpired) }
    #expect(try use(expired, authorizer, payer) == .rateLimited)
    #expect(try use(good, authorizer, payer) == nil)
  }

  @Test("an address pays for a check although its client has gone meanwhile")
  func goneMeanwhile() throws {
    let authorizer = authorizer(AuthRates(badTokensPerAddress: RateLimit(perSecond: 1, burst: 1)))
    let foreign = try PrivateKey.generate()
    let address = ClientAddress(try SocketAddress(ipAddress: "192.0.2.1", port: 1))
    let (payer, loop) = (TestPayer(client: address), StepLoop())
    let request = try token("x", by: foreign)
    guard
      case .unverified(let verification) = authorizer.authorize(
        request, scope: .broadcast, topics: [try Topic("a")], by: payer)
    else { throw Refusal(.internal, "not to be checked") }
    verification.run(on: loop) { _ in }
    payer.client = .unknown
    #expect(loop.step())
    #expect(try use(token("y", by: foreign), authorizer, TestPayer(client: address)) == .rateLimited)
  }

  @Test("all connections of one address share its rate; other addresses have theirs")
  func perAddress() throws {
    let authorizer = authorizer(AuthRates(badTokensPerAddress: RateLimit(perSecond: 1, burst: 4)))
    let foreign = try PrivateKey.generate()
    func payer(_ address: String) throws -> TestPayer {
      TestPayer(client: ClientAddress(try SocketAddress(ipAddress: address, port: 1)))
    }
    for index in 0..<4 {
      #expect(try use(token("\(index)", by: foreign), authorizer, payer("192.0.2.1")) == .tokenSignature)
    }
    #expect(try use(token("5", by: foreign), authorizer, payer("192.0.2.1")) == .rateLimited)
    #expect(try use(token("5", by: foreign), authorizer, payer("192.0.2.2")) == .tokenSignature)
    authorizer.sweep()
    #expect(try use(token("6", by: foreign), authorizer, payer("192.0.2.1")) == .rateLimited)
    uptime.set(1001)
    #expect(try use(token("6", by: foreign), authorizer, payer("192.0.2.1")) == .tokenSignature)
  }
}
