import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// Publishes of what the loop has granted before: they are answered like the first one.
@Suite struct PublishAgainTests {
  private let fixture: HTTPFixture
  private let token: String

  /// A server that has granted `token` the topic `t`.
  init() throws {
    fixture = try HTTPFixture()
    token = try fixture.token(.broadcast, "t", "u")
    for _ in 0..<2 { #expect(answer(fixture.publish("first", token: token)).hasPrefix("200 ")) }
    #expect(knows("t", token))
  }

  private func knows(_ topic: String, _ token: String) -> Bool {
    Array(topic.utf8).withUnsafeBytes { topic in
      Array(token.utf8).withUnsafeBytes { fixture.worker.grants.topic(topic, openedBy: $0) { _ in true } != nil }
    }
  }

  private func answer(_ request: [UInt8]) -> String {
    fixture.wire.reset()
    fixture.receive(request)
    fixture.settle()
    return fixture.answers.joined()
  }

  private func answer(_ request: String) -> String { answer(Array(request.utf8)) }

  /// The messages of `t` after the first two.
  private func texts() throws -> [String] {
    let hub = fixture.worker.services.hub
    var replay = hub.openReplay(of: [try Topic("t")], since: try Cursor("e:2"))
    return hub.read(&replay).items.compactMap { if case .message(_, _, let payload) = $0 { payload.text } else { nil } }
  }

  @Test("a message is published as it stands, whatever it is and however it is written")
  func messages() throws {
    let written = ["", "m", "é🚪", #"a\nb"#, #"\"\\"#, #"\u00e9"#, String(repeating: "long ", count: 500)]
    for text in written { #expect(answer(fixture.publish(text, token: token)).hasPrefix("200 ")) }
    #expect(try texts() == ["", "m", "é🚪", "a\nb", "\"\\", "é", String(repeating: "long ", count: 500)])
  }

  @Test("whoever comes with the token gets it, in the body or in the head, on any connection")
  func elsewhere() throws {
    let body = #"{"topic":"t","message":"m"}"#
    for scheme in ["Bearer", "bEARER  "] {
      fixture.reconnect()
      #expect(answer(fixture.post(body, fields: "Authorization: \(scheme) \(token)\r\n")).hasPrefix("200 "))
    }
    for field in ["", "Authorization: Basic \(token)\r\n", "Authorization: Bearer\r\n", "Authorization: \(token)\r\n"] {
      #expect(answer(fixture.post(body, fields: field)).contains("token_missing"), "\(field)")
    }
    let other = "Authorization: Bearer \(token.dropLast())\r\n"
    #expect(answer(fixture.post(body, fields: other)).contains("token_"))
    // The one in the body comes first.
    #expect(answer(fixture.post(#"{"topic":"t","message":"n","token":"\#(token)"}"#, fields: other)).hasPrefix("200 "))
    #expect(answer(fixture.post(#"{"topic":"t","message":"n","token":""}"#)).contains("token_missing"))
    #expect(try texts() == ["m", "m", "n"])
  }

  @Test("nothing else is granted by it")
  func others() throws {
    for (topic, message, code) in [("x", "m", "topic_not_allowed"), ("", "m", "topic_invalid")] {
      let body = #"{"topic":"\#(topic)","message":"\#(message)","token":"\#(token)"}"#
      #expect(answer(fixture.post(body)).contains(code))
    }
    #expect(answer(fixture.publish("m", token: String(token.dropLast()))).hasPrefix("401 "))
    let tenth = token.index(token.endIndex, offsetBy: -10)
    let forged = token[..<tenth] + (token[tenth] == "A" ? "B" : "A") + token[token.index(after: tenth)...]
    #expect(answer(fixture.publish("m", token: String(forged))).hasPrefix("401 "))
    #expect(answer(fixture.publish("m", token: try fixture.token(.subscribe))).contains("token_scope"))
    let body = #"{"topic":"t","message":"m","token":"\#(token)"}"#
    #expect(answer(fixture.post(body, fields: "Content-Type: text/plain\r\n")).hasPrefix("415 "))
    #expect(try texts() == [])
    // A topic of the same token is a grant of its own.
    #expect(!knows("u", token))
    for _ in 0..<2 { #expect(answer(fixture.post(body.replacing(#""t""#, with: #""u""#))).hasPrefix("200 ")) }
    #expect(knows("u", token) && knows("t", token))
  }

  @Test("a message that is not UTF-8 is refused")
  func broken() throws {
    let body = Array(#"{"topic":"t","token":"\#(token)","message":""#.utf8) + [0xC3] + Array(#""}"#.utf8)
    let head = "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.count)\r\n\r\n"
    #expect(answer(Array(head.utf8) + body).hasPrefix("400 "))
    #expect(try texts() == [])
  }

  @Test("an idempotency key counts")
  func idempotency() throws {
    let body = #"{"topic":"t","message":"once","token":"\#(token)","id":"1"}"#
    for _ in 0..<3 { #expect(answer(fixture.post(body)).contains(#"{"cursor":"e:3"}"#)) }
    #expect(try texts() == ["once"])
  }

  @Test("the lines of a batch are published in their order, known or not")
  func batch() throws {
    let fresh = try fixture.token(life: 3)
    let lines = [("1", token), ("2", fresh), (#"\u0033"#, token), ("4", fresh), ("5", token)].map { message, token in
      #"{"topic":"t","message":"\#(message)","token":"\#(token)"}"# + "\n"
    }
    let request = fixture.post(lines.joined(), fields: "Content-Type: application/x-ndjson\r\n")
    #expect(answer(request).firstRange(of: #"{"cursor":"e:7"}"#) != nil)
    #expect(try texts() == ["1", "2", "3", "4", "5"])
    let bearer = "Content-Type: application/x-ndjson\r\nAuthorization: Bearer \(token)\r\n"
    #expect(answer(fixture.post(#"{"topic":"t","message":"6"}"#, fields: bearer)).contains(#"{"cursor":"e:8"}"#))
    #expect(try texts() == ["1", "2", "3", "4", "5", "6"])
  }

  @Test("a server that drains takes nothing more")
  func draining() throws {
    fixture.worker.drain(schedule: DrainSchedule(over: .seconds(1), clients: 1), firstIndex: 0)
    fixture.reconnect()
    #expect(answer(fixture.publish("m", token: token)).hasPrefix("503 "))
    #expect(try texts() == [])
  }
}
