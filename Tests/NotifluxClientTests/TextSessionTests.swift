import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("A text-mode session")
struct TextSessionTests {
  let a: Topic
  let b: Topic
  var session = TextSession()

  init() throws {
    a = try Topic("a")
    b = try Topic("b")
  }

  func message(_ text: String, of topic: Topic?) -> SubscriptionEvent { .message(Message(topic: topic, data: text)) }

  @Test("follows each command with a fence")
  mutating func fences() {
    #expect(session.subscribe(a, token: "t") == [.text("/subscribe a t"), .ping(1)])
    #expect(session.unsubscribe(a) == [.text("/unsubscribe a"), .ping(2)])
    #expect(session.unsubscribe(a) == [])
    #expect(session.unsubscribeAll() == [.text("/unsubscribe-all"), .ping(3)])
  }

  @Test("takes a pong without a refusal for the confirmation")
  mutating func confirms() {
    _ = session.subscribe(a, token: "t")
    #expect(session.received(pong: 1) == [.subscribed(a, nil)])
    #expect(session.received(pong: 1) == [])
    #expect(session.topics == [a])
  }

  @Test("takes a refusal before the pong for the answer, and confirms nothing")
  mutating func refuses() {
    _ = session.subscribe(a, token: "t")
    #expect(
      session.received(text: "Not allowed to subscribe to a: token expired 12 s ago")
        == .refused(a, reason: "token expired 12 s ago"))
    #expect(session.received(pong: 1) == [])
    #expect(session.topics == [])
  }

  @Test(
    "understands the seed's replies within the fence",
    arguments: [ServerReply.malformedSubscribe, ServerReply.unknownCommand])
  mutating func seedReplies(reply: String) {
    _ = session.subscribe(a, token: "t")
    #expect(session.received(text: reply) == .refused(a, reason: reply))
    #expect(session.received(text: reply) == message(reply, of: nil))
  }

  @Test("takes a text that looks like a refusal for a message when nothing was asked")
  mutating func looksLikeRefusal() {
    _ = session.subscribe(a, token: "t")
    _ = session.received(pong: 1)
    let text = "Not allowed to subscribe to a: I am a message"
    #expect(session.received(text: text) == message(text, of: a))
  }

  @Test("finds the topic a refusal is of among several")
  mutating func several() {
    _ = session.subscribe(a, token: "t")
    _ = session.subscribe(b, token: "t")
    #expect(session.received(text: "Not allowed to subscribe to b: no") == .refused(b, reason: "no"))
    #expect(session.received(pong: 2) == [.subscribed(a, nil)])
    #expect(session.topics == [a])
  }

  @Test("lets one pong stand for the earlier pings too")
  mutating func latestPong() {
    _ = session.subscribe(a, token: "t")
    _ = session.subscribe(b, token: "t")
    #expect(session.received(pong: 2) == [.subscribed(a, nil), .subscribed(b, nil)])
  }

  @Test("tells a message's topic only while no other can deliver")
  mutating func topics() {
    _ = session.subscribe(a, token: "t")
    #expect(session.received(text: "1") == message("1", of: a))
    _ = session.subscribe(b, token: "t")
    _ = session.received(pong: 2)
    #expect(session.received(text: "2") == message("2", of: nil))
    _ = session.unsubscribe(a)
    #expect(session.received(text: "3") == message("3", of: nil))
    _ = session.received(pong: 3)
    #expect(session.received(text: "4") == message("4", of: b))
    session.speakFreely()
    #expect(session.received(text: "5") == message("5", of: nil))
  }

  @Test("keeps a topic that was asked for again before its refusal came")
  mutating func askedAgain() {
    _ = session.subscribe(a, token: "old")
    _ = session.subscribe(a, token: "new")
    _ = session.received(text: "Not allowed to subscribe to a: token expired")
    #expect(session.topics == [a])
    #expect(session.received(pong: 2) == [.subscribed(a, nil)])
  }
}
