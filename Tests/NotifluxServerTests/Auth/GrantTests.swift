import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// What a publisher that has been granted something is granted without a question.
@Suite struct GrantTests {
  private let clock = StandingClock()
  private let key: PrivateKey
  private let topic: Topic

  init() throws {
    key = try PrivateKey.generate()
    topic = try Topic("é")
  }

  private func token(expires: Double = 2000, topics: [String] = ["é", "b"]) throws -> String {
    try TokenSigner(key: key).sign(Claims(topics: topics, scope: .broadcast, expires: expires, subject: "me"))
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

  /// The refusal's code; `internal` for what is to be verified first. As the endpoint does it: the table is asked first.
  private func use(
    _ table: inout GrantTable, _ authorizer: Authorizer, _ token: String, scope: Scope = .broadcast, _ topics: [Topic]
  ) -> ErrorCode? {
    if scope == .broadcast, topics.count == 1, table.knows(topics[0], token, authorizer) { return nil }
    var grant: Grant?
    let answer = authorizer.authorize(token, scope: scope, topics: topics, by: TestPayer(), granting: &grant)
    if let grant { table.insert(grant) }
    return switch answer {
    case .granted: nil
    case .refused(let refusal): refusal.code
    case .unverified: .internal
    }
  }

  @Test("a grant is good for a minute, and not when the clock goes back")
  func lifetime() throws {
    let token = try token()
    let authorizer = try authorizer(token)
    var table = GrantTable()
    #expect(use(&table, authorizer, token, [topic]) == nil)
    for (time, isGood) in [(1000.0, true), (1059.9, true), (1060, false), (999.9, false), (1030, true)] {
      clock.set(time)
      #expect(table.knows(topic, token, authorizer) == isGood, "at \(time)")
    }
  }

  @Test("a grant ends with the token, to the instant, leeway included", arguments: [0.0, 5])
  func expiry(leeway: Double) throws {
    let token = try token(expires: 1000.5)
    let authorizer = try authorizer(token, leeway: leeway)
    var table = GrantTable()
    clock.set(1000.4 + leeway)
    #expect(use(&table, authorizer, token, [topic]) == nil)
    #expect(table.knows(topic, token, authorizer))
    clock.set(1000.5 + leeway)
    #expect(!table.knows(topic, token, authorizer))
    #expect(use(&table, authorizer, token, [topic]) == .tokenExpired)
  }

  @Test("a grant ends with the keys")
  func keys() throws {
    let token = try token()
    let authorizer = try authorizer(token)
    var table = GrantTable()
    #expect(use(&table, authorizer, token, [topic]) == nil)
    #expect(table.knows(topic, token, authorizer))
    authorizer.replaceKeys([try PrivateKey.generate().publicKey], revocations: RevocationList())
    #expect(use(&table, authorizer, token, [topic]) == .internal)
    authorizer.replaceKeys([key.publicKey], revocations: RevocationList())
    #expect(use(&table, authorizer, token, [topic]) == .internal, "it is not that of the first keys")
  }

  @Test("a grant ends with a revocation of its token; after any other change it is given again without a check")
  func revocations() throws {
    let token = try token()
    let authorizer = try authorizer(token)
    var table = GrantTable()
    #expect(use(&table, authorizer, token, [topic]) == nil)
    authorizer.replaceKeys([try PrivateKey.generate().publicKey, key.publicKey], revocations: RevocationList())
    #expect(!table.knows(topic, token, authorizer))
    #expect(use(&table, authorizer, token, [topic]) == nil)
    #expect(table.knows(topic, token, authorizer))
    authorizer.replaceKeys([key.publicKey], revocations: try RevocationList(Array("sub me\n".utf8)))
    #expect(!table.knows(topic, token, authorizer))
    #expect(use(&table, authorizer, token, [topic]) == .internal)
  }

  @Test("a grant is for one token, scope and topic, byte for byte")
  func sameBytes() throws {
    var token = try token()
    while !token.contains("K") { token = try self.token() }
    let authorizer = try authorizer(token)
    var table = GrantTable()
    #expect(use(&table, authorizer, token, [topic]) == nil)
    // U+212A is a K by Unicode's canonical equivalence, and e with U+0301 is an é.
    #expect(use(&table, authorizer, token.replacing("K", with: "\u{212A}"), [topic]) == .tokenMalformed)
    #expect(use(&table, authorizer, token, [try Topic("e\u{301}")]) == .topicNotAllowed)
    #expect(use(&table, authorizer, token, [try Topic("c")]) == .topicNotAllowed)
    #expect(use(&table, authorizer, token, [topic, try Topic("c")]) == .topicNotAllowed)
    #expect(use(&table, authorizer, token, scope: .subscribe, [topic]) == .tokenScope)
    #expect(use(&table, authorizer, String(token.dropLast()), [topic]) != nil)
    #expect(use(&table, authorizer, "", [topic]) == .tokenMissing)
    #expect(table.knows(topic, token, authorizer))
    // The same bytes, parted elsewhere.
    let (text, first) = (topic.text, token.prefix(1))
    #expect(!table.knows(try Topic(text + first), String(token.dropFirst()), authorizer))
  }

  @Test("where publishes are counted, each is")
  func rate() throws {
    let token = try token()
    // The check of the token counts as the first use.
    let authorizer = try authorizer(token, rates: AuthRates(publishing: RateLimit(perSecond: 1, burst: 3)))
    var table = GrantTable()
    #expect((0..<3).map { _ in use(&table, authorizer, token, [topic]) } == [nil, nil, .rateLimited])
  }

  @Test("who subscribes, which is done once, gets none")
  func subscribing() throws {
    let authorizer = try authorizer(try token())
    let token = try TokenSigner(key: key).sign(Claims(topics: ["é"], scope: .subscribe, expires: 2000))
    #expect(try authorizer.inTheEnd(token, .subscribe, "é") == nil)
    var table = GrantTable()
    #expect(use(&table, authorizer, token, scope: .subscribe, [topic]) == nil)
    #expect(table.capacity == 0)
  }

  @Test("several topics, and tokens of more than 1 KiB, are looked up at each use")
  func unsuitable() throws {
    let long = try token(topics: ["é", String(repeating: "x", count: 1024)])
    for (token, topics) in [(try token(), [topic, try Topic("b")]), (long, [topic])] {
      var table = GrantTable()
      #expect(use(&table, try authorizer(token), token, topics) == nil)
      #expect(table.capacity == 0)
    }
  }
}

/// The table by itself: grants that are all good.
@Suite struct GrantTableTests {
  private func grant(_ topic: String, _ token: String = "t", given: Double = 1, until: Double = 100) throws -> Grant {
    Grant(topic: try Topic(topic), token: token, given: given, until: until, generation: 0)
  }

  private func knows(_ table: GrantTable, _ topic: String, _ token: String = "t") -> Bool {
    table.find(topic, token) { _ in true }?.text == topic
  }

  @Test("it grows up to its limit, and finds nearly all of a quarter of that")
  func growth() throws {
    var table = GrantTable()
    #expect(table.capacity == 0)
    for index in 0..<1024 { table.insert(try grant("t\(index)")) }
    #expect((0..<1024).filter { knows(table, "t\($0)") }.count >= 1000)
    for index in 0..<100_000 { table.insert(try grant("u\(index)")) }
    #expect(table.capacity == AuthLimits.grants)
  }

  @Test("the last one is always found; the oldest of its four places has made way for it")
  func eviction() throws {
    var table = GrantTable(maximumCount: 4)
    for index in 0..<100 {
      table.insert(try grant("\(index)", given: Double(index)))
      for place in max(0, index - 3)...index { #expect(knows(table, "\(place)")) }
      #expect(index < 4 || !knows(table, "\(index - 4)"))
    }
    #expect(table.capacity == 4)
  }

  @Test("one that is over makes way first, without the table growing, and the same one takes its own place")
  func reuse() throws {
    var table = GrantTable(maximumCount: 4)
    for index in 0..<4 { table.insert(try grant("\(index)", given: Double(index), until: index == 2 ? 10 : 100)) }
    table.insert(try grant("new", given: 10))
    #expect(["0", "1", "3", "new"].allSatisfy { knows(table, $0) } && !knows(table, "2"))
    for given in 20..<30 { table.insert(try grant("1", given: Double(given))) }
    #expect(["0", "1", "3", "new"].allSatisfy { knows(table, $0) })
    #expect(table.find("1", "t") { $0.given == 29 } != nil)
  }

  @Test("it covers these bytes of topic and token, parted as they are, and no others")
  func covers() throws {
    let grant = try grant("ab", "cde")
    func covers(_ topic: String, _ token: String) -> Bool {
      Array(topic.utf8).withUnsafeBytes { topic in Array(token.utf8).withUnsafeBytes { grant.covers(topic, $0) } }
    }
    #expect(covers("ab", "cde"))
    for (topic, token) in [("ab", "cdf"), ("ab", "xde"), ("ax", "cde"), ("ab", "cd"), ("a", "cde"), ("abc", "de")] {
      #expect(!covers(topic, token), "\(topic) \(token)")
    }
    #expect(!covers("a", "bcde") && !covers("", "abcde") && !covers("abcde", "") && !covers("", ""))
  }

  @Test("two tokens of one topic have a grant each")
  func tokens() throws {
    var table = GrantTable()
    for token in ["a", "b"] { table.insert(try grant("x", token)) }
    #expect(knows(table, "x", "a") && knows(table, "x", "b") && !knows(table, "x", "ab") && !knows(table, "x", ""))
  }
}

extension GrantTable {
  fileprivate func find(_ topic: String, _ token: String, _ confirms: (Grant) -> Bool) -> Topic? {
    Array(topic.utf8).withUnsafeBytes { topic in
      Array(token.utf8).withUnsafeBytes { token in self.topic(topic, openedBy: token, confirms) }
    }
  }

  fileprivate func knows(_ topic: Topic, _ token: String, _ authorizer: Authorizer) -> Bool {
    find(topic.text, token) { authorizer.confirms($0) } == topic
  }
}
