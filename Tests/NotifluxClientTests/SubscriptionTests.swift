import NIOConcurrencyHelpers
import NotifluxProtocol
import NotifluxWebSocket
import Synchronization
import Testing

@testable import NotifluxClient

@Suite("A subscription in text mode", .timeLimit(.minutes(1)))
struct SubscriptionTests {
  let a: Topic
  let b: Topic

  init() throws {
    a = try Topic("a")
    b = try Topic("b")
  }

  /// Remembers how long was slept, and does not sleep.
  final class Sleeps: Sendable {
    private let slept = NIOLockedValueBox<[Duration]>([])
    var all: [Duration] { slept.withLockedValue { $0 } }
    var pacing: Pacing {
      Pacing(
        sleep: { [self] duration in slept.withLockedValue { $0.append(duration) } },
        generator: SeededGenerator(state: 1))
    }
  }

  func withSubscription(
    to topics: [Topic], pacing: Pacing = Pacing(), token: @escaping Subscription.TokenSource = { _ in "tok" },
    _ body: (TestServer, Subscription, inout Subscription.Iterator) async throws -> Void
  ) async throws {
    try await TestServer.run { server in
      let client = NotifluxClient(endpoint: try server.endpoint())
      do {
        let subscription = client.subscribe(to: topics, pacing: pacing, token: token)
        var events = subscription.makeAsyncIterator()
        try await body(server, subscription, &events)
      } catch {
        await client.shutDown()
        throw error
      }
      await client.shutDown()
    }
  }

  /// Plays the server's part up to the confirmation of these topics.
  func serve(_ server: TestServer, _ topics: Topic..., token: String = "tok") async throws -> TestConnection {
    let connection = try await server.accept()
    try await connection.shakeHands()
    for topic in topics {
      #expect(try await connection.readText() == "/subscribe \(topic) \(token)")
      try await connection.answerPing()
    }
    return connection
  }

  func next(_ count: Int, of events: inout Subscription.Iterator) async throws -> [SubscriptionEvent] {
    var all: [SubscriptionEvent] = []
    while all.count < count, let event = try await events.next() { all.append(event) }
    return all
  }

  func message(_ text: String, of topic: Topic?) -> SubscriptionEvent { .message(Message(topic: topic, data: text)) }

  @Test("connects, subscribes, is confirmed and hears messages")
  func hears() async throws {
    try await withSubscription(to: [a]) { server, _, events in
      async let serving = serve(server, a)
      #expect(try await next(2, of: &events) == [.connected, .subscribed(a, nil)])
      try await serving.send("héllo\n")
      #expect(try await next(1, of: &events) == [message("héllo\n", of: a)])
    }
  }

  @Test("hears a refusal before the pong, and goes on with the other topics")
  func refused() async throws {
    try await withSubscription(to: [a, b]) { server, subscription, events in
      async let serving = {
        let connection = try await server.accept()
        try await connection.shakeHands()
        _ = try await connection.readText()
        try await connection.send("Not allowed to subscribe to a: token expired 12 s ago")
        try await connection.answerPing()
        _ = try await connection.readText()
        try await connection.answerPing()
        try await connection.send("hello")
        return connection
      }()
      let refused = SubscriptionEvent.refused(a, reason: "token expired 12 s ago")
      #expect(try await next(4, of: &events) == [.connected, refused, .subscribed(b, nil), message("hello", of: b)])
      #expect(subscription.topics == [b])
      _ = try await serving
    }
  }

  @Test("takes topics on and gives them up while it runs")
  func changes() async throws {
    try await withSubscription(to: []) { server, subscription, events in
      async let serving = serve(server)
      #expect(try await next(1, of: &events) == [.connected])
      let connection = try await serving
      try await subscription.add(a)
      #expect(try await connection.readText() == "/subscribe a tok")
      try await connection.answerPing()
      #expect(try await next(1, of: &events) == [.subscribed(a, nil)])
      try await subscription.add(b)
      subscription.remove(a)
      #expect(try await connection.readText() == "/subscribe b tok")
      try await connection.answerPing()
      #expect(try await connection.readText() == "/unsubscribe a")
      try await connection.answerPing()
      try await connection.send("1")
      #expect(try await next(2, of: &events) == [.subscribed(b, nil), message("1", of: b)])
      subscription.removeAll()
      #expect(try await connection.readText() == "/unsubscribe-all")
      #expect(subscription.topics.isEmpty)
    }
  }

  @Test("comes back after the server's hint, with a fresh token, and subscribes again")
  func comesBack() async throws {
    let sleeps = Sleeps()
    let tokens = Atomic(0)
    try await withSubscription(to: [a], pacing: sleeps.pacing) { topics in
      "\(topics[0])\(tokens.add(1, ordering: .relaxed).newValue)"
    } _: { server, subscription, events in
      async let first = serve(server, a, token: "a1")
      #expect(try await next(2, of: &events) == [.connected, .subscribed(a, nil)])
      try await first.sendClose(.goingAway, "reconnect in 4711 ms")
      let away = ClientError.closed(subscription.connector.endpoint, code: 1001, reason: "reconnect in 4711 ms")
      #expect(try await next(1, of: &events) == [.disconnected(away, retryIn: .milliseconds(4711))])
      await #expect(throws: ClientError.self) { try await subscription.send(raw: "/help") }
      try await subscription.add(b)  // Has its token already: a2.
      async let second = {
        let connection = try await server.accept()
        try await connection.shakeHands()
        #expect(try await connection.readText() == "/subscribe a a3")
        try await connection.answerPing()
        #expect(try await connection.readText() == "/subscribe b a3")
        try await connection.answerPing()
        return connection
      }()
      #expect(try await next(3, of: &events) == [.connected, .subscribed(a, nil), .subscribed(b, nil)])
      #expect(sleeps.all == [.milliseconds(4711)])
      _ = try await second
    }
  }

  @Test("uses a topic's own token for every connection, and asks for none")
  func ownToken() async throws {
    try await withSubscription(to: [], pacing: Sleeps().pacing) { _ in
      throw TestFailure("nobody should have asked")
    } _: { server, subscription, events in
      try await subscription.add(a, token: "mine")
      async let first = serve(server, a, token: "mine")
      #expect(try await next(2, of: &events) == [.connected, .subscribed(a, nil)])
      try await first.close()
      guard case .disconnected? = try await events.next() else {
        Issue.record("still connected")
        return
      }
      async let second = serve(server, a, token: "mine")
      #expect(try await next(2, of: &events) == [.connected, .subscribed(a, nil)])
      _ = try await second
    }
  }

  @Test("ends with the reason after a close that does not invite to come back")
  func ends() async throws {
    try await withSubscription(to: [a]) { server, subscription, events in
      async let serving = serve(server, a)
      _ = try await next(2, of: &events)
      try await serving.sendClose(.policyViolation, "go away")
      let error = await #expect(throws: ClientError.self) { try await events.next() }
      #expect(error == .closed(subscription.connector.endpoint, code: 1008, reason: "go away"))
      #expect(try await events.next() == nil)
    }
  }

  @Test("tells that there is no server, and tries again")
  func noServer() async throws {
    let sleeps = Sleeps()
    try await withSubscription(to: [a], pacing: sleeps.pacing) { server, subscription, events in
      try await server.stopListening()
      for _ in 0..<3 {
        let event = try await events.next()
        guard case .disconnected(.unreachable(_, let reason), _)? = event else {
          Issue.record("\(String(describing: event))")
          return
        }
        #expect(reason == "connection refused; is the server running?")
      }
      #expect(sleeps.all.count == 2)
    }
  }

  @Test("tries again when there was no token, and ends when the token cannot be sent")
  func noToken() async throws {
    let calls = Atomic(0)
    try await withSubscription(to: [a], pacing: Sleeps().pacing) { _ in
      if calls.add(1, ordering: .relaxed).newValue == 1 { throw TestFailure("the key is gone") }
      return "two words"
    } _: { server, _, events in
      let event = try await events.next()
      guard case .disconnected(.noToken("the key is gone"), _)? = event else {
        Issue.record("\(String(describing: event))")
        return
      }
      let error = await #expect(throws: ClientError.self) { try await events.next() }
      guard case .refused(let refusal, nil)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(refusal.code == .tokenMalformed)
    }
  }

  @Test("refuses a topic that text mode cannot carry, where that is preferred")
  func blankInTopic() async throws {
    var configuration = ClientConfiguration()
    configuration.prefersTextMode = true
    let client = NotifluxClient(endpoint: try Endpoint("http://h"), configuration: configuration)
    let subscription = client.subscribe(to: []) { _ in "tok" }
    let error = await #expect(throws: ClientError.self) { try await subscription.add(Topic("two words")) }
    #expect(error?.description.contains(#"the topic "two words" holds a blank"#) == true)
    await client.shutDown()
  }

  @Test("ends at once, with a good-bye, when its task is cancelled")
  func cancels() async throws {
    try await TestServer.run { server in
      let client = NotifluxClient(endpoint: try server.endpoint())
      let listening = Task {
        var events: [SubscriptionEvent] = []
        for try await event in client.subscribe(to: [a], token: { _ in "tok" }) { events.append(event) }
        return events
      }
      let connection = try await serve(server, a)
      listening.cancel()
      #expect(try await connection.readEvent() == .close(code: .normal, reason: ""))
      let events = try await listening.value
      #expect(events == [] || events == [.connected] || events == [.connected, .subscribed(a, nil)])
      await client.shutDown()
    }
  }

  @Test("sends raw texts, and then no longer says of which topic a message is")
  func raw() async throws {
    try await withSubscription(to: [a]) { server, subscription, events in
      async let serving = serve(server, a)
      _ = try await next(2, of: &events)
      try await subscription.send(raw: "/subscribe x y")
      let connection = try await serving
      #expect(try await connection.readText() == "/subscribe x y")
      try await connection.send("1")
      #expect(try await next(1, of: &events) == [message("1", of: nil)])
    }
  }

  @Test("can be iterated once")
  func once() async throws {
    try await withSubscription(to: []) { _, subscription, _ in
      var second = subscription.makeAsyncIterator()
      let event = try await second.next()
      #expect(event == nil)
    }
  }
}
