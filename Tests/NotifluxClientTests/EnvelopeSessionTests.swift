import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("An envelope-mode session")
struct EnvelopeSessionTests {
  let a: Topic
  let b: Topic
  let c: Topic
  var session = EnvelopeSession()

  init() throws {
    (a, b, c) = (try Topic("a"), try Topic("b"), try Topic("c"))
  }

  func at(_ sequence: UInt64, _ epoch: String = "e") -> Cursor {
    Cursor(epoch: epoch, sequence: sequence)
  }

  mutating func hear(_ texts: String...) -> Reaction {
    var all = Reaction()
    for text in texts {
      let reaction = session.received(.text(text))
      all.events += reaction.events
      all.commands += reaction.commands
    }
    return all
  }

  /// The events of envelopes that lead to no command.
  mutating func events(_ envelopes: ServerEnvelope...) -> [SubscriptionEvent] {
    var all: [SubscriptionEvent] = []
    for envelope in envelopes {
      let reaction = session.received(.text(String(decoding: envelope.json, as: UTF8.self)))
      #expect(reaction.commands.isEmpty)
      all += reaction.events
    }
    return all
  }

  func message(_ topic: Topic, _ sequence: UInt64, _ epoch: String = "e") -> ServerEnvelope {
    .message(topic: topic, at(sequence, epoch), data: "\(sequence)")
  }

  func heard(_ topic: Topic, _ sequence: UInt64, _ epoch: String = "e") -> SubscriptionEvent {
    .message(Message(topic: topic, data: "\(sequence)", cursor: at(sequence, epoch)))
  }

  @Test("subscribes, is confirmed, and hears messages with their topics and places")
  mutating func hears() {
    #expect(
      session.subscribe([a], since: nil, token: "t") == [
        .text(#"{"type":"subscribe","topic":"a","token":"t","id":1}"#)
      ])
    #expect(session.holds(a) && !session.holds(b))
    #expect(
      hear(
        #"{"type":"welcome","cursor":"e:40","pingInterval":15}"#,
        #"{"type":"subscribed","topic":"a","cursor":"e:41","id":1}"#,
        #"{"type":"message","topic":"a","cursor":"e:42","data":"hé"}"#)
        == Reaction(events: [
          .subscribed(a, at(41)), .message(Message(topic: a, data: "hé", cursor: at(42))),
        ]))
    #expect(session.positions == [a: at(42)])
    #expect(session.epoch == "e")
  }

  @Test("ignores what it does not understand")
  mutating func ignores() {
    let reaction = hear(
      "", "no JSON", "[1]", #"{"type":"news from the future"}"#, #"{"type":"message","topic":"a"}"#,
      #"{"type":"subscribed","topic":"a","cursor":"e:1","id":99}"#, #"{"type":"pong","id":"x"}"#,
      #"{"type":"error","code":"bad_request","message":"what?"}"#)
    #expect(reaction == Reaction())
    #expect(session.received(.pong(1)) == Reaction())
  }

  @Test("asks together for the topics that go on from one place, and apart for the others")
  mutating func groups() {
    session = EnvelopeSession(resuming: [a: at(5), b: at(7), c: at(5)])
    #expect(
      session.subscribe([a, b, c], since: nil, token: "t") == [
        .text(#"{"type":"subscribe","topics":["a","c"],"token":"t","since":"e:5","id":1}"#),
        .text(#"{"type":"subscribe","topic":"b","token":"t","since":"e:7","id":2}"#),
      ])
    #expect(session.positions == [a: at(5), b: at(7), c: at(5)])
  }

  @Test(
    "names at most 1000 topics in one request, and no more than one message can hold",
    arguments: [1, 120])
  mutating func chunks(length: Int) throws {
    let topics = try (0..<2500).map {
      try Topic(String(repeating: "\u{1F514}", count: length / 4) + "\($0)\"")
    }
    var asked: [Topic] = []
    let token = String(repeating: "t", count: 2000)
    for command in session.subscribe(topics, since: at(1), token: token) {
      guard case .text(var text) = command else { continue }
      #expect(text.utf8.count <= Limits.clientMessage)
      let envelope = try text.withUTF8 { try ClientEnvelope(json: UnsafeRawBufferPointer($0)) }
      guard case .subscribe(let part, true, token, at(1)) = envelope.request else {
        Issue.record("\(text.prefix(200))")
        continue
      }
      #expect(part.count <= 1000)
      asked += part
    }
    #expect(asked == topics)
  }

  @Test("counts a live message of one topic for all live ones")
  mutating func liveLane() {
    _ = session.subscribe([a, b], since: nil, token: "t")
    _ = events(
      .subscribed(.topics([a, b]), at(10), id: RequestID(1)), message(a, 11), message(b, 15))
    #expect(session.positions == [a: at(15), b: at(15)])
    // c comes later: what was live before says nothing about it.
    _ = session.subscribe([c], since: at(3), token: "t")
    _ = events(.subscribed(.topic(c), at(3), id: RequestID(2)), message(c, 4), message(b, 16))
    #expect(session.positions == [a: at(16), b: at(16), c: at(4)])
    #expect(events(.caughtUp(.topic(c), at(14))) == [.caughtUp([c], at(14))])
    #expect(session.positions == [a: at(16), b: at(16), c: at(14)])
    _ = events(message(a, 20))
    #expect(session.positions == [a: at(20), b: at(20), c: at(20)])
  }

  @Test("counts a message of a replay for the topics of that replay only")
  mutating func replayLane() {
    session = EnvelopeSession(resuming: [a: at(1), b: at(1), c: at(2)])
    _ = session.subscribe([a, b, c], since: nil, token: "t")
    _ = events(
      .subscribed(.topics([a, b]), at(1), id: RequestID(1)),
      .subscribed(.topic(c), at(2), id: RequestID(2)))
    _ = events(message(a, 9))
    #expect(session.positions == [a: at(9), b: at(9), c: at(2)])
    #expect(events(.caughtUp(.topics([a, b]), at(12))) == [.caughtUp([a, b], at(12))])
    _ = events(message(b, 13))
    #expect(session.positions == [a: at(13), b: at(13), c: at(2)])
  }

  @Test("hands out no message twice")
  mutating func noDouble() {
    session = EnvelopeSession(resuming: [a: at(5)])
    _ = session.subscribe([a], since: nil, token: "t")
    _ = events(.subscribed(.topic(a), at(5), id: RequestID(1)))
    #expect(events(message(a, 4), message(a, 5), message(a, 6), message(a, 6)) == [heard(a, 6)])
    #expect(session.positions == [a: at(6)])
  }

  @Test("tells a gap once, and goes on after it")
  mutating func gaps() {
    session = EnvelopeSession(resuming: [a: at(10), b: at(10)])
    _ = session.subscribe([a, b], since: nil, token: "t")
    let gap = ServerEnvelope.gap(topic: a, from: at(10), to: at(37))
    #expect(
      events(.subscribed(.topics([a, b]), at(10), id: RequestID(1)), gap, gap)
        == [
          .subscribed(a, at(10)), .subscribed(b, at(10)),
          .gap(Gap(topic: a, from: at(10), to: at(37))),
        ])
    #expect(session.positions == [a: at(37), b: at(10)])
    // A part of it is known.
    #expect(
      events(.gap(topic: a, from: at(20), to: at(40))) == [
        .gap(Gap(topic: a, from: at(37), to: at(40)))
      ])
  }

  @Test("keeps the place in a log that is gone until the gap is told")
  mutating func newEpoch() {
    session = EnvelopeSession(resuming: [a: at(10), b: at(10)])
    _ = session.subscribe([a, b], since: nil, token: "t")
    _ = events(
      .welcome(at(30, "f"), pingInterval: 15), .subscribed(.topics([a, b]), at(30, "f"), id: RequestID(1)),
      .gap(topic: a, from: at(10), to: at(0, "f")), message(a, 12, "f"))
    #expect(session.positions == [a: at(12, "f"), b: at(10)])
    _ = events(.gap(topic: b, from: at(10), to: at(30, "f")), .caughtUp(.topics([a, b]), at(30, "f")))
    #expect(session.positions == [a: at(30, "f"), b: at(30, "f")])
  }

  @Test("follows a log that is shorter than the place it was resumed from")
  mutating func shorterLog() {
    session = EnvelopeSession(resuming: [a: at(100)])
    _ = session.subscribe([a], since: nil, token: "t")
    let gap = ServerEnvelope.gap(topic: a, from: at(100), to: at(40))
    #expect(
      events(.subscribed(.topic(a), at(100), id: RequestID(1)), gap, message(a, 41))
        == [.subscribed(a, at(100)), .gap(Gap(topic: a, from: at(100), to: at(40))), heard(a, 41)])
    #expect(session.positions == [a: at(41)])
  }

  @Test("asks one by one when several are refused for one of them")
  mutating func refusedTogether() {
    _ = session.subscribe([a, b], since: at(5), token: "t")
    #expect(
      hear(#"{"type":"error","code":"topic_not_allowed","message":"not a","id":1}"#)
        == Reaction(commands: [
          .text(#"{"type":"subscribe","topic":"a","token":"t","since":"e:5","id":2}"#),
          .text(#"{"type":"subscribe","topic":"b","token":"t","since":"e:5","id":3}"#),
        ]))
    #expect(
      events(.error(Refusal(.topicNotAllowed, "not a"), topic: "a", id: RequestID(2))) == [
        .refused(a, reason: "not a")
      ])
    #expect(events(.subscribed(.topic(b), at(5), id: RequestID(3))) == [.subscribed(b, at(5))])
    #expect(!session.holds(a) && session.holds(b))
    #expect(session.positions == [b: at(5)])
  }

  @Test("takes a refused token for all topics it was shown for")
  mutating func refusedToken() {
    _ = session.subscribe([a, b], since: nil, token: "t")
    let error = ServerEnvelope.error(
      Refusal(.tokenExpired, "token expired\n12 s ago"), topic: nil, id: RequestID(1))
    let reason = "token expired 12 s ago"
    #expect(events(error) == [.refused(a, reason: reason), .refused(b, reason: reason)])
    #expect(!session.holds(a) && !session.holds(b))
  }

  @Test("keeps topics that a draining server refuses, for the next one")
  mutating func draining() {
    _ = session.subscribe([a], since: at(5), token: "t")
    #expect(events(.error(Refusal(.draining, "going down"), topic: "a", id: RequestID(1))) == [])
    #expect(session.holds(a))
    #expect(session.positions == [a: at(5)])
  }

  @Test("asks for a held topic again from its place, and keeps it when that is refused")
  mutating func askedAgain() {
    _ = session.subscribe([a, b], since: nil, token: "old")
    _ = events(.subscribed(.topics([a, b]), at(5), id: RequestID(1)), message(a, 6))
    #expect(
      session.subscribe([a], since: nil, token: "new")
        == [.text(#"{"type":"subscribe","topic":"a","token":"new","since":"e:6","id":2}"#)])
    // 7 was on its way already.
    #expect(
      events(
        message(a, 7), .subscribed(.topic(a), at(6), id: RequestID(2)), message(a, 7),
        message(a, 8), message(b, 9))
        == [heard(a, 7), .subscribed(a, at(6)), heard(a, 8), heard(b, 9)])
    #expect(session.positions == [a: at(8), b: at(9)])
    _ = session.subscribe([b], since: nil, token: "bad")
    #expect(
      events(.error(Refusal(.tokenExpired, "no"), topic: "b", id: RequestID(3))) == [
        .refused(b, reason: "no")
      ])
    #expect(session.holds(b))
    _ = events(message(b, 10), .caughtUp(.topic(a), at(10)), message(b, 11))
    #expect(session.positions == [a: at(11), b: at(11)])
  }

  @Test("begins anew with a topic that was given up, whatever of it is still on its way")
  mutating func givenUp() {
    _ = session.subscribe([a, b], since: at(3), token: "t")
    #expect(session.unsubscribe(a) == [.text(#"{"type":"unsubscribe","topic":"a"}"#)])
    #expect(session.unsubscribe(a) == [])
    _ = session.subscribe([a], since: nil, token: "t")
    #expect(
      events(.subscribed(.topics([a, b]), at(3), id: RequestID(1)), message(a, 4))
        == [.subscribed(b, at(3)), heard(a, 4)])
    #expect(session.positions == [b: at(3)])
    _ = events(.unsubscribed(a, id: nil), .subscribed(.topic(a), at(9), id: RequestID(2)))
    #expect(events(.caughtUp(.topics([a, b]), at(8))) == [.caughtUp([b], at(8))])
    #expect(session.positions == [a: at(9), b: at(8)])
    #expect(session.unsubscribeAll() == [.text(#"{"type":"unsubscribe-all"}"#)])
    #expect(session.positions == [:])
    #expect(events(message(a, 10)) == [heard(a, 10)])
  }
}
