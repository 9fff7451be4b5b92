import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("Revocation lists")
struct RevocationTests {
  private func list(_ text: String) throws(RevocationError) -> RevocationList { try RevocationList(Array(text.utf8)) }

  private func claims(_ subject: String? = nil, id: String? = nil, issuedAt: Double? = nil) -> Claims {
    Claims(topics: ["t"], scope: .subscribe, expires: 1e10, issuedAt: issuedAt, id: id, subject: subject)
  }

  @Test("a token is refused by its jti, by its subject, and by its subject where it was made too early")
  func entries() throws {
    let list = try list(
      """
      # who left
      jti 1-2-3
      sub alice
      \tsub  bob\tbefore 1000.5   # the laptop
      sub carol before 1970-01-01T00:20:00Z\r

      """)
    #expect(list.count == 4)
    #expect(list.holds(claims(id: "1-2-3")))
    #expect(list.holds(claims("dave", id: "1-2-3", issuedAt: 5e9)))
    #expect(!list.holds(claims("1-2-3", id: "alice")))
    #expect(list.holds(claims("alice", issuedAt: 5e9)) && list.holds(claims("alice")))
    #expect(list.holds(claims("bob", issuedAt: 1000.4)) && !list.holds(claims("bob", issuedAt: 1000.5)))
    #expect(list.holds(claims("bob")), "it does not say when it was made")
    #expect(list.holds(claims("carol", issuedAt: 1199)) && !list.holds(claims("carol", issuedAt: 1200)))
    #expect(!list.holds(claims()) && !list.holds(claims("dave")))
    #expect(!RevocationList().holds(claims("alice", id: "1-2-3")))
  }

  @Test("names are compared byte for byte; a subject that is no text is nobody's name")
  func bytes() throws {
    let list = try list("jti \u{E9}\nsub 1\nsub null\n")
    #expect(list.holds(claims(id: "\u{E9}")) && !list.holds(claims(id: "e\u{301}")))
    var number = claims()
    number.subjectValue = 1
    #expect(!list.holds(number) && list.holds(claims("1")))
    number.subjectValue = .null
    #expect(!list.holds(number))
  }

  @Test("of several entries for a subject the one that refuses more counts, in whichever order")
  func several() throws {
    for text in ["sub a before 10\nsub a before 20\n", "sub a before 20\nsub a before 10\nsub a before 20\n"] {
      let list = try list(text)
      #expect(list.count == 1)
      #expect(list.holds(claims("a", issuedAt: 19)) && !list.holds(claims("a", issuedAt: 20)))
    }
    for text in ["sub a\nsub a before 20\n", "sub a before 20\nsub a\n"] {
      #expect(try list(text).holds(claims("a", issuedAt: 30)))
    }
    #expect(try list("jti a\njti a\n").count == 1)
  }

  @Test(
    "what has blanks, #, quotes or control characters stands as a JSON string; all else may stand as it is",
    arguments: [
      (#"jti "a b""#, "a b"), (##"jti "#1""##, "#1"), (#"jti "\"" # c"#, "\""), (#"jti "\u0000\n""#, "\0\n"),
      (#"jti """#, ""), (#"jti "\\""#, "\\"), (#"jti a"b"#, "a\"b"), (#"jti DOMAIN\user"#, #"DOMAIN\user"#),
      (#"jti "jti""#, "jti"), ("jti before", "before"), ("jti \u{1F511}", "\u{1F511}"), (#"jti "é""#, "é"),
    ])
  func words(line: String, id: String) throws {
    #expect(try RevocationEntry(line: Array(line.utf8)[...]) == .id(id))
    #expect(try list(line + "\n").holds(claims(id: id)))
    #expect(try list(line + "\r\n").holds(claims(id: id)))
  }

  @Test("what is printed as a JSON string reads the same, whatever it is", arguments: 1..<20)
  func roundTrip(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let alphabet = Array("ab \t#\"\\\n\r\u{0}\u{7F}é\u{2028}\u{1F511}before".unicodeScalars)
    for _ in 0..<50 {
      var text = ""
      for _ in 0..<Int.random(in: 0..<8, using: &random) {
        text.unicodeScalars.append(alphabet.randomElement(using: &random) ?? "a")
      }
      let quoted = String(decoding: JSONValue.string(text).serialized(), as: UTF8.self)
      #expect(try RevocationEntry(line: Array("jti \(quoted)".utf8)[...]) == .id(text))
      #expect(
        try RevocationEntry(line: Array("sub \(quoted) before 5".utf8)[...]) == .subject(text, before: 5))
    }
  }

  private static let form = "expected: jti ID, sub SUBJECT, or sub SUBJECT before TIME"
  private static let quote =
    "what has a blank, a # or a control character must stand as a JSON string, in double quotes"
  private static let time = "the time must be RFC 3339, such as 2026-11-28T09:00:00Z, or seconds since 1970"

  @Test(
    "a line that is not good is an error with its number, and quotes nothing",
    arguments: [
      ("secret", form), ("jti", form), ("jti a b", form), ("JTI secret", form), ("kid secret", form), ("sub", form),
      (#""jti" a"#, form), ("sub a after 5", form), (#"sub a "before" 5"#, form), ("sub a before", form),
      (#"sub a before "5""#, form), ("sub a before 5 6", form), ("\u{FEFF}jti a", form),
      ("jti a#b", quote), ("jti a\u{1}", quote), ("jti a\rb", quote), ("jti a\u{7F}", quote),
      ("jti \"a", "the closing quote is missing"), ("jti \"a\\", "the closing quote is missing"),
      ("jti \"a\tb\"", "what stands in quotes is no JSON string: a control character in a string must be escaped"),
      ("jti \"\\x\"", "what stands in quotes is no JSON string: unknown escape in a string"),
      ("jti \"a\"b", "a blank is missing behind a quote"),
      ("jti \"a\"#", "a blank is missing behind a quote"),
      ("sub a before secret", time), ("sub a before 2026-11-28", time), ("sub a before -5", time),
      ("sub a before 1e3", time), ("sub a before 0x10", time), ("sub a before .", time), ("sub a before inf", time),
      ("sub a before 1764316800000", "the time is beyond the year 9999: give seconds, not milliseconds"),
    ])
  func bad(line: String, message: String) {
    let error = #expect(throws: RevocationError.self) { try list("# good\n\njti good\n" + line + "\nbad too\n") }
    #expect(error?.line == 4)
    #expect(error?.message == message)
    #expect(error?.description.contains("secret") == false)
  }

  @Test("a list that is not ended, or is no UTF-8, is refused; an empty one is none")
  func ended() throws {
    #expect(try list("").count == 0)
    #expect(try list("\n").count == 0)
    let cut = #expect(throws: RevocationError.self) { try list("jti a\nsub bob bef") }
    #expect(cut?.description == "line 2: the last line has no end (is the file cut off?): end it with a newline")
    let binary = #expect(throws: RevocationError.self) { try RevocationList(Array("jti ".utf8) + [0xFF, 0x0A]) }
    #expect(binary?.description == "line 1: the text is not valid UTF-8")
    let marked = #expect(throws: RevocationError.self) { try RevocationList([0xEF, 0xBB, 0xBF, 0x0A]) }
    #expect(marked?.message.contains("byte order mark") == true)
  }

  @Test("random lines never trap", arguments: 1..<20)
  func random(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let pieces = ["jti", "sub", "before", " ", "\t", "\"", "\\", "#", "\r", "a", "2026-11-28T09:00:00Z", "5", "\u{E9}"]
    for _ in 0..<300 {
      var text: [UInt8] = []
      for _ in 0..<Int.random(in: 0..<12, using: &random) {
        text += Array((pieces.randomElement(using: &random) ?? "").utf8)
        if random.next() % 16 == 0 { text.append(UInt8(truncatingIfNeeded: random.next())) }
      }
      _ = try? RevocationList(text + [0x0A])
    }
  }

  // MARK: Tokens

  @Test("a revoked token is token_claims, once its signature is known to be good, and inspect says the same")
  func tokens() throws {
    let key = try TestTokens.privateKey().publicKey
    let revocations = try list("jti lost\n")
    let verifier = TokenVerifier(keys: [key], revocations: revocations)
    let payload = #"{"exp":1000,"topics":["t"],"scope":"subscribe","jti":"lost"}"#
    let token = try TestTokens.signed(payload: payload)
    let refusal = Refusal(.tokenClaims, "token was revoked; ask whoever made it for a new one")
    #expect(throws: refusal) { try verifier.verify(token, now: 0) }
    #expect(throws: refusal) { try verifier.authorize(token, scope: .subscribe, topics: ["t"], now: 0) }
    #expect(try verifier.verify(TestTokens.signed(), now: 0).scope == .subscribe)
    let inspection = TokenInspection(of: token, keys: [key], revocations: revocations, now: 2000)
    #expect(inspection.refusals.map(\.code) == [.tokenClaims, .tokenExpired])
    let foreign = TokenVerifier(keys: [try PrivateKey.generate().publicKey], revocations: revocations)
    let error = #expect(throws: Refusal.self) { try foreign.verify(token, now: 0) }
    #expect(error?.code == .tokenSignature)
  }
}

@Suite("Times as RFC 3339 writes them")
struct RFC3339Tests {
  @Test(
    "are seconds since 1970",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01t00:00:00z", 0), ("1969-12-31T23:59:59Z", -1),
      ("2026-11-28T09:00:00Z", 1_795_856_400), ("2026-11-28T10:30:00+01:30", 1_795_856_400),
      ("2026-11-28T08:00:00.25-01:00", 1_795_856_400.25), ("2000-02-29T00:00:00Z", 951_782_400),
      ("2016-12-31T23:59:60Z", 1_483_228_800), ("0000-01-01T00:00:00Z", -62_167_219_200),
      ("9999-12-31T23:59:59Z", 253_402_300_799), ("2038-01-19T03:14:08Z", 2_147_483_648),
      ("1900-03-01T00:00:00Z", -2_203_891_200), ("2100-03-01T00:00:00-00:00", 4_107_542_400),
    ] as [(String, Double)])
  func good(text: String, seconds: Double) {
    #expect(RFC3339.seconds(text) == seconds)
  }

  @Test(
    "or they are none",
    arguments: [
      "", "2026", "2026-11-28", "2026-11-28T09:00:00", "2026-11-28 09:00:00Z", "2026-11-28T09:00Z",
      "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2100-02-29T00:00:00Z",
      "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
      "2026-01-01T00:00:61Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+0100",
      "2026-01-01T00:00:00Z ", "+026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "２026-01-01T00:00:00Z",
    ])
  func bad(text: String) {
    #expect(RFC3339.seconds(text) == nil)
  }
}
