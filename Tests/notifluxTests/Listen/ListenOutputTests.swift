import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("The output of listen")
struct ListenOutputTests {
  let topic: Topic
  let cursor = Cursor(epoch: "e", sequence: 42)

  init() throws { topic = try Topic("a \"b\" \u{202E}") }

  @Test("in JSON, a message is the envelope of the protocol, on one line")
  func messageInJSON() {
    #expect(
      Message(topic: topic, data: "1\n\u{7}é", cursor: cursor).json
        == "{\"type\":\"message\",\"topic\":\"a \\\"b\\\" \u{202E}\",\"cursor\":\"e:42\",\"data\":\"1\\n\\u0007é\"}\n")
  }

  @Test("in JSON, a message of text mode has the members that are known")
  func textModeInJSON() throws {
    #expect(Message(topic: nil, data: "x").json == "{\"type\":\"message\",\"data\":\"x\"}\n")
    #expect(
      Message(topic: try Topic("t"), data: "x").json == "{\"type\":\"message\",\"topic\":\"t\",\"data\":\"x\"}\n")
  }

  @Test("a gap is an envelope for programs and a sentence for people")
  func gaps() throws {
    let gap = Gap(
      topic: try Topic("news"), from: Cursor(epoch: "e", sequence: 10), to: Cursor(epoch: "e", sequence: 37))
    #expect(gap.json == "{\"type\":\"gap\",\"topic\":\"news\",\"from\":\"e:10\",\"to\":\"e:37\"}\n")
    #expect(gap.sentence == "messages of news are gone: e:10 to e:37")
  }

  @Test("on a terminal, a message of one of several topics follows its topic, dimmed where there is colour")
  func rows() throws {
    let message = Message(topic: try Topic("news"), data: "hello", cursor: cursor)
    #expect(message.row(namesTopic: false, isColoured: true) == "hello")
    #expect(message.row(namesTopic: true, isColoured: false) == "news  hello")
    #expect(message.row(namesTopic: true, isColoured: true) == "\u{1B}[2mnews\u{1B}[0m  hello")
    #expect(Message(topic: nil, data: "hello").row(namesTopic: true, isColoured: true) == "hello")
  }

  @Test("on a terminal, neither a topic nor a text can drive it")
  func safeRows() {
    let row = Message(topic: topic, data: "\u{1B}[2J", cursor: cursor).row(namesTopic: true, isColoured: false)
    #expect(row == "a \"b\" \\u{202e}  \\x1b[2J")
  }
}
