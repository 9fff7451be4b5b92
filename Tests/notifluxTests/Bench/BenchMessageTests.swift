import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("The messages of a run")
struct BenchMessageTests {
  private func written(_ message: BenchMessage, _ format: MessageFormat) -> [UInt8] {
    var bytes = format.blank
    bytes.withUnsafeMutableBytes { MessageFormat.write(message, to: $0) }
    return bytes
  }

  private func read(_ bytes: [UInt8], _ format: MessageFormat) -> BenchMessage? {
    bytes.withUnsafeBytes { format.read($0) }
  }

  @Test("what was written is read, at any size, and stands in JSON as it is", arguments: 1...50 as ClosedRange<UInt64>)
  func roundTrip(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    let format = MessageFormat(size: Int.random(in: 48...300, using: &generator), run: generator.next32())
    let message = BenchMessage(
      topic: Int.random(in: 0..<1 << 24, using: &generator), publisher: Int.random(in: 0..<1 << 16, using: &generator),
      number: Int.random(in: 1..<1 << 40, using: &generator), dueAt: Int.random(in: 0...Int.max, using: &generator))
    let bytes = written(message, format)
    #expect(bytes.count == format.size)
    #expect(read(bytes, format) == message)
    #expect(JSONValue.string(String(decoding: bytes, as: UTF8.self)).serialized().count == bytes.count + 2)
  }

  @Test("another run's, another length and a damaged one are none of ours")
  func foreign() {
    let format = MessageFormat(size: 64, run: 0xABCD)
    let bytes = written(BenchMessage(topic: 1, publisher: 2, number: 3, dueAt: 4), format)
    #expect(read(bytes, MessageFormat(size: 64, run: 0xABCE)) == nil)
    #expect(read(bytes, MessageFormat(size: 65, run: 0xABCD)) == nil)
    for index in 0..<48 {
      var damaged = bytes
      damaged[index] = UInt8(ascii: "!")
      #expect(read(damaged, format) == nil, "byte \(index)")
    }
  }

  @Test("the prepared request is a whole one, with the topic and the message that were asked for")
  func request() throws {
    let format = MessageFormat(size: 64, run: 1)
    let topics = try BenchTopics(name: "a \"b\" é", count: 12)
    var template = PublishTemplate(
      endpoint: try Endpoint("http://localhost:8080/base"), token: "t.t.t", topics: topics, format: format)
    for topic in [0, 11, 7] {
      let message = BenchMessage(topic: topic, publisher: 3, number: 99, dueAt: 1234)
      let text = String(buffer: template.request(for: message))
      let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
      #expect(parts[0].hasPrefix("POST /base/broadcast HTTP/1.1\r\nHost: localhost:8080\r\n"))
      #expect(parts[0].contains("\r\nAuthorization: Bearer t.t.t\r\n"))
      #expect(parts[0].hasSuffix("\r\nContent-Length: \(parts[1].utf8.count)"))
      let body = try Array(parts[1].utf8).withUnsafeBytes { try BroadcastRequest(json: $0) }
      #expect(body.topics.map(\.text) == [topics.text(topic)])
      #expect(read(Array(body.message.utf8), format) == message)
    }
  }

  @Test("several topics have numbers of one length, and every topic has a token that is for it")
  func topics() throws {
    #expect(try BenchTopics(name: "x", count: 1).text(0) == "x")
    let topics = try BenchTopics(name: "x", count: 101)
    #expect([0, 7, 100].map(topics.text) == ["x-000", "x-007", "x-100"])
    #expect(try topics.tokens(.subscribe, from: .token("given")) == ["given"])
    #expect(topics.tokenIndex(of: 100, among: ["given"]) == 0)
    let tokens = Array(repeating: "", count: 7)
    #expect([0, 15, 16, 100].map { topics.tokenIndex(of: $0, among: tokens) } == [0, 0, 1, 6])
    #expect(throws: Refusal.self) { try BenchTopics(name: String(repeating: "x", count: 254), count: 2) }
    #expect(throws: Refusal.self) { try BenchTopics(name: "", count: 1) }
  }
}

extension SeededGenerator {
  fileprivate mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
}
