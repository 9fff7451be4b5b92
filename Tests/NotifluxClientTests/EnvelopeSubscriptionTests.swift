import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxClient

@Suite("A subscription in envelope mode", .timeLimit(.minutes(1)))
struct EnvelopeSubscriptionTests {
  let a: Topic
  let b: Topic

  init() throws {
    a = try Topic("a")
    b = try Topic("two words")
  }

  func at(_ sequence: UInt64, _ epoch: String = "e") -> Cursor {
    Cursor(epoch: epoch, sequence: sequence)
  }
  func message(_ topic: Topic, _ sequence: UInt64) -> ServerEnvelope {
    .message(topic: topic, at(sequence), data: "\(sequence)")
  }
  func heard(_ topic: Topic, _ sequence: UInt64) -> SubscriptionEvent {
    .message(Message(topic: topic, data: "\(sequence)", cursor: at(sequence)))
  }

  /// Does not wait between connections.
  let pacing = Pacing(sleep: { _ in }, generator: SeededGenerator(state: 1))

  func withSubscription(
    to topics: [Topic], since: Cursor? = nil,
    token: @escaping Subscription.TokenSource = { _ in "tok" },
    _ body: (TestServer, Subscription, inout Subscription.Iterator) async throws -> Void
  ) async throws {
    try await TestServer.run { server in
      let client = NotifluxClient(endpoint: try server.endpoint())
      do {
        let subscription = client.subscribe(to: topics, since: since, pacing: pacing, token: token)
        var events = subscription.makeAsyncIterator()
        try await body(server, subscription, &events)
      } catch {
        await client.shutDown()
        throw error
      }
      await client.shutDown()
    }
  }

  /// Plays the server's part up to the welcome.
  func welcome(_ server: TestServer, head: Cursor) async throws -> TestConnection {
    let connection = try await server.accept()
    try await connection.shakeHands(.envelope)
    try await connection.send(.welcome(head, pingInterval: 15))
    return connection
  }

  func next(_ count: Int, of events: inout Subscription.Iterator) async throws
    -> [SubscriptionEvent]
  {
    var all: [SubscriptionEvent] = []
    while all.count < count, let event = try await events.next() { all.append(event) }
    return all
  }

  func expectDisconnected(_ events: inout Subscription.Iterator) async throws {
    let event = try await events.next()
    guard case .disconnected? = event else {
      throw TestFailure("still connected: \(String(describing: event))")
    }
  }

  func subscribe(_ topics: [Topic], since: Cursor?, token: String = "tok", id: Int = 1)
    -> ClientEnvelope
  {
    ClientEnvelope(
      .subscribe(topics: topics, isList: topics.count > 1, token: token, since: since),
      id: RequestID(id))
  }

  @Test("goes on after a lost connection where it was, and tells what is gone")
  func resumes() async throws {
    try await withSubscription(to: [a, b]) { server, subscription, events in
      #expect(subscription.cursor == nil)
      async let first = {
        let connection = try await welcome(server, head: at(40))
        #expect(try await connection.readEnvelope() == subscribe([a, b], since: nil))
        try await connection.send(.subscribed(.topics([a, b]), at(41), id: RequestID(1)))
        try await connection.send(message(a, 42))
        try await connection.send(message(b, 43))
        try await connection.close()
      }()
      #expect(
        try await next(4, of: &events) == [
          .connected, .subscribed(a, at(41)), .subscribed(b, at(41)), heard(a, 42),
        ])
      // 43 may have arrived, but nobody has it yet.
      #expect(subscription.cursor == at(42))
      #expect(try await next(1, of: &events) == [heard(b, 43)])
      try await first
      try await expectDisconnected(&events)
      #expect(subscription.cursor == at(43))
      async let second = {
        let connection = try await welcome(server, head: at(60))
        #expect(try await connection.readEnvelope() == subscribe([a, b], since: at(43)))
        try await connection.send(.subscribed(.topics([a, b]), at(43), id: RequestID(1)))
        try await connection.send(.gap(topic: b, from: at(43), to: at(50)))
        try await connection.send(message(a, 44))
        try await connection.send(.caughtUp(.topics([a, b]), at(60)))
        return connection
      }()
      #expect(
        try await next(6, of: &events) == [
          .connected, .subscribed(a, at(43)), .subscribed(b, at(43)),
          .gap(Gap(topic: b, from: at(43), to: at(50))),
          heard(a, 44), .caughtUp([a, b], at(60)),
        ])
      #expect(subscription.cursor == at(60))
      _ = try await second
    }
  }

  @Test(
    "resumes each topic from its own place when a replay was cut, with its own token where it has one"
  )
  func cutReplay() async throws {
    try await withSubscription(to: [a], since: at(5)) { server, subscription, events in
      try await subscription.add(b, since: at(7), token: "mine")
      async let first = {
        let connection = try await welcome(server, head: at(40))
        #expect(try await connection.readEnvelope() == subscribe([b], since: at(7), token: "mine"))
        #expect(try await connection.readEnvelope() == subscribe([a], since: at(5), id: 2))
        try await connection.send(.subscribed(.topic(b), at(7), id: RequestID(1)))
        try await connection.send(.subscribed(.topic(a), at(5), id: RequestID(2)))
        try await connection.send(message(b, 9))
        try await connection.sendClose(.tryAgainLater, "slow consumer")
      }()
      #expect(
        try await next(4, of: &events) == [
          .connected, .subscribed(b, at(7)), .subscribed(a, at(5)), heard(b, 9),
        ])
      try await first
      try await expectDisconnected(&events)
      #expect(subscription.cursor == at(5))
      async let second = {
        let connection = try await welcome(server, head: at(40))
        #expect(try await connection.readEnvelope() == subscribe([b], since: at(9), token: "mine"))
        #expect(try await connection.readEnvelope() == subscribe([a], since: at(5), id: 2))
        return connection
      }()
      #expect(try await next(1, of: &events) == [.connected])
      _ = try await second
    }
  }

  @Test("keeps the old log's place as its cursor until all gaps are told, over connections too")
  func newEpoch() async throws {
    try await withSubscription(to: [a, b], since: at(5)) { server, subscription, events in
      #expect(subscription.cursor == at(5))
      async let first = {
        let connection = try await welcome(server, head: at(2, "f"))
        _ = try await connection.readEnvelope()
        try await connection.send(.subscribed(.topics([a, b]), at(2, "f"), id: RequestID(1)))
        try await connection.send(.gap(topic: a, from: at(5), to: at(2, "f")))
        try await connection.close()
      }()
      #expect(try await next(4, of: &events).last == .gap(Gap(topic: a, from: at(5), to: at(2, "f"))))
      #expect(subscription.cursor == at(5))
      try await first
      try await expectDisconnected(&events)
      async let second = {
        let connection = try await server.accept()
        try await connection.shakeHands(.envelope)
        return connection
      }()
      #expect(try await next(1, of: &events) == [.connected])
      #expect(subscription.cursor == at(5))
      let connection = try await second
      try await connection.send(.welcome(at(2, "f"), pingInterval: 15))
      try await connection.send(.subscribed(.topic(b), at(2, "f"), id: RequestID(2)))
      try await connection.send(.gap(topic: b, from: at(5), to: at(2, "f")))
      #expect(
        try await next(2, of: &events) == [
          .subscribed(b, at(2, "f")), .gap(Gap(topic: b, from: at(5), to: at(2, "f"))),
        ])
      #expect(subscription.cursor == at(2, "f"))
    }
  }

  @Test("drops refused topics, and comes back without them")
  func refused() async throws {
    try await withSubscription(to: [a, b]) { server, subscription, events in
      async let first = {
        let connection = try await welcome(server, head: at(1))
        _ = try await connection.readEnvelope()
        try await connection.send(
          .error(Refusal(.topicNotAllowed, "no"), topic: "a", id: RequestID(1)))
        #expect(try await connection.readEnvelope() == subscribe([a], since: nil, id: 2))
        #expect(try await connection.readEnvelope() == subscribe([b], since: nil, id: 3))
        try await connection.send(
          .error(Refusal(.topicNotAllowed, "no"), topic: "a", id: RequestID(2)))
        try await connection.send(.subscribed(.topic(b), at(1), id: RequestID(3)))
        try await connection.close()
      }()
      #expect(
        try await next(3, of: &events) == [
          .connected, .refused(a, reason: "no"), .subscribed(b, at(1)),
        ])
      #expect(subscription.topics == [b])
      try await first
      try await expectDisconnected(&events)
      async let second = welcome(server, head: at(1)).readEnvelope()
      #expect(try await next(1, of: &events) == [.connected])
      #expect(try await second == subscribe([b], since: at(1)))
    }
  }

  @Test("takes topics on and gives them up while it runs")
  func changes() async throws {
    try await withSubscription(to: []) { server, subscription, events in
      async let serving = welcome(server, head: at(1))
      #expect(try await next(1, of: &events) == [.connected])
      let connection = try await serving
      try await subscription.add(b)
      #expect(try await connection.readEnvelope() == subscribe([b], since: nil))
      try await subscription.add(a, since: at(1))
      #expect(try await connection.readEnvelope() == subscribe([a], since: at(1), id: 2))
      subscription.remove(b)
      #expect(try await connection.readEnvelope() == ClientEnvelope(.unsubscribe(b)))
      subscription.removeAll()
      #expect(try await connection.readEnvelope() == ClientEnvelope(.unsubscribeAll))
      #expect(subscription.topics.isEmpty && subscription.cursor == nil)
    }
  }

  @Test("falls back to text mode, which refuses a topic with a blank")
  func fallsBack() async throws {
    try await withSubscription(to: [b, a], since: at(5)) { server, subscription, events in
      async let serving = {
        let connection = try await server.accept()
        try await connection.shakeHands()
        #expect(try await connection.readText() == "/subscribe a tok")
        try await connection.answerPing()
        try await connection.send("hello")
        return connection
      }()
      let reason = #"the topic "two words" holds a blank, which text mode cannot carry"#
      #expect(
        try await next(4, of: &events) == [
          .connected, .refused(b, reason: reason), .subscribed(a, nil),
          .message(Message(topic: a, data: "hello")),
        ])
      #expect(subscription.topics == [a] && subscription.cursor == nil)
      await #expect(throws: ClientError.self) { try await subscription.add(b) }
      _ = try await serving
    }
  }
}
