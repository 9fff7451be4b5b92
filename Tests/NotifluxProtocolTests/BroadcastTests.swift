import NotifluxProtocol
import Testing

@Suite struct BroadcastTests {
  private func parse(_ json: String) throws -> BroadcastRequest {
    try Array(json.utf8).withUnsafeBytes { bytes in try BroadcastRequest(json: bytes) }
  }

  @Test("a body names one topic or several, and may carry token and id")
  func parses() throws {
    #expect(
      try parse(#"{"topic":"t","message":"m","token":"x"}"#)
        == BroadcastRequest(topics: [Topic("t")], message: "m", token: "x"))
    #expect(
      try parse(#"{"topics":["b","a","b"],"message":"","id":"1","else":[1]}"#)
        == BroadcastRequest(topics: [Topic("b"), Topic("a")], message: "", id: "1"))
  }

  @Test(
    "a bad body is refused with what is wrong",
    arguments: [
      ("", "not valid JSON"), ("[]", "must be a JSON object"), (#"{"topic":"t"}"#, #""message" is missing"#),
      (#"{"message":"m"}"#, #""topic" is missing"#), (#"{"topic":1,"message":"m"}"#, #""topic" must be a string"#),
      (#"{"topic":"t","message":null}"#, #""message" must be a string"#),
      (#"{"topic":"t","topics":["t"],"message":"m"}"#, "not both"),
      (#"{"topics":"t","message":"m"}"#, "array of strings"), (#"{"topics":[],"message":"m"}"#, "is empty"),
      (#"{"topics":["t",1],"message":"m"}"#, "array of strings"),
      (#"{"topic":"t","message":"m","id":""}"#, #""id" is empty"#),
      (#"{"topic":"t","topic":"u","message":"m"}"#, "topic"), (#"{"topic":"t","message":"\ud800"}"#, "not valid JSON"),
    ])
  func refuses(_ json: String, _ part: String) throws {
    let refusal = try #require(throws: Refusal.self) { try parse(json) }
    #expect(refusal.code == .badRequest)
    #expect(refusal.message.contains(part), "\(refusal.message)")
  }

  @Test("a body may have 10,000 values and no more, whatever they are", arguments: ["1", "[]", "{}", #"{"a":[[1]]}"#])
  func values(_ value: String) throws {
    let each = value.filter { "[{".contains($0) }.isEmpty ? 1 : value == #"{"a":[[1]]}"# ? 4 : 1
    func body(_ count: Int) -> String {
      let values = Array(repeating: value, count: count).joined(separator: ",")
      return #"{"topic":"t","else":[\#(values)],"message":"m"}"#
    }
    let most = (Limits.valuesPerBroadcast - 3) / each
    #expect(try parse(body(most)).message == "m")
    #expect { try parse(body(most + 1)) } throws: { error in
      (error as? Refusal)?.message.contains("more than 10000 values") == true
    }
  }

  @Test("a publish may name 1000 topics and no more")
  func topics() throws {
    func body(_ count: Int) -> String {
      #"{"topics":[\#((0..<count).map { "\"\($0)\"" }.joined(separator: ","))],"message":"m"}"#
    }
    #expect(try parse(body(1000)).topics.count == 1000)
    #expect(throws: Refusal.self) { try parse(body(1001)) }
  }

  @Test("an idempotency key may have 128 bytes and no more")
  func boundsID() throws {
    let key = String(repeating: "k", count: 128)
    #expect(try parse(#"{"topic":"t","message":"m","id":"\#(key)"}"#).id == key)
    #expect(throws: Refusal.self) { try parse(#"{"topic":"t","message":"m","id":"\#(key)k"}"#) }
  }

  @Test("a bad topic among several refuses them all")
  func refusesTopics() throws {
    let refusal = try #require(throws: Refusal.self) { try parse(#"{"topics":["t",""],"message":"m"}"#) }
    #expect(refusal.code == .topicInvalid)
  }

  @Test("what a request prints parses to that request")
  func roundTrip() throws {
    for request in [
      try BroadcastRequest(topics: [Topic("t")], message: "a\"\\\n\u{1}ü🚪", token: "x"),
      try BroadcastRequest(topics: [Topic("a"), Topic("b c")], message: "m", id: "7"),
    ] {
      #expect(try request.json.withUnsafeBytes { bytes in try BroadcastRequest(json: bytes) } == request)
    }
  }

  @Test("answers read back, and what no notiflux says does not")
  func answers() throws {
    for answer in [
      BroadcastAnswer.accepted(try Cursor("e:42")), .refused(Refusal(.tokenExpired, "token expired 12 s ago")),
    ] {
      #expect(answer.json.withUnsafeBytes { BroadcastAnswer(json: $0) } == answer)
    }
    for text in ["", "<html>", "{}", #"{"cursor":"42"}"#, #"{"error":"x","code":"nonsense"}"#] {
      #expect(Array(text.utf8).withUnsafeBytes { BroadcastAnswer(json: $0) } == nil)
    }
  }
}
