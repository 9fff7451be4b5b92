import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

/// History as a client sees it, over a real socket.
@Suite(.timeLimit(.minutes(5))) struct HistoryTests {
  private func next(_ client: TestClient) async throws -> ServerEnvelope {
    guard case .text(let text)? = try await client.next() else { throw TestFailure("no envelope") }
    guard let envelope = text.withUnsafeReadableBytes({ ServerEnvelope(json: $0) }) else {
      throw TestFailure("no envelope: \(String(buffer: text))")
    }
    return envelope
  }

  private func subscribe(_ client: TestClient, _ token: String, _ topics: [String], since: Cursor?) async throws {
    let request = ClientEnvelope.Request.subscribe(
      topics: try topics.map { try Topic($0) }, isList: topics.count > 1, token: token, since: since)
    try await client.sendText(String(decoding: ClientEnvelope(request).json, as: UTF8.self))
  }

  private func cursor(_ answer: String) throws -> Cursor {
    let body = answer.split(separator: "\r\n\r\n").last ?? ""
    guard case .accepted(let cursor)? = Array(body.utf8).withUnsafeBytes({ BroadcastAnswer(json: $0) }) else {
      throw TestFailure(answer)
    }
    return cursor
  }

  @Test("a welcome first; then what was missed, what is live, and every answer with its id")
  func resumes() async throws {
    try await TestServer.run { server in
      let first = try cursor(await server.publish("1", to: "a"))
      _ = try await server.publish("2", to: "b")
      let third = try cursor(await server.publish("3", to: "a"))
      let client = try await server.webSocket(subprotocol: "notiflux.v1")
      #expect(try await next(client) == .welcome(third, pingInterval: 15))
      let topic = try Topic("a")
      try await subscribe(client, server.token(.subscribe, "a"), ["a"], since: first)
      #expect(try await next(client) == .subscribed(.topic(topic), first, id: nil))
      #expect(try await next(client) == .message(topic: topic, third, data: "3"))
      #expect(try await next(client) == .caughtUp(.topic(topic), third))
      let live = try cursor(await server.publish("4", to: "a"))
      #expect(try await next(client) == .message(topic: topic, live, data: "4"))
      try await client.sendText(#"{"type":"ping","id":"x"}"#)
      #expect(try await next(client) == .pong(id: RequestID(.string("x"))))
    }
  }

  @Test("what is gone is told as a gap: by count, and for a cursor of another log")
  func gaps() async throws {
    try await TestServer.run(configure: { $0.history.messagesPerTopic = 2 }) { server in
      var cursors: [Cursor] = []
      for number in 0..<4 { cursors.append(try cursor(await server.publish("\(number)", to: "a"))) }
      let topic = try Topic("a")
      for since in [cursors[0], try Cursor("other:7"), Cursor(epoch: cursors[0].epoch, sequence: 99)] {
        let client = try await server.webSocket(subprotocol: "notiflux.v1")
        _ = try await next(client)
        try await subscribe(client, server.token(.subscribe, "a"), ["a"], since: since)
        guard case .subscribed(_, let position, _) = try await next(client) else { throw TestFailure("no answer") }
        #expect(position.sequence <= 1)
        #expect(try await next(client) == .gap(topic: topic, from: since, to: cursors[1]))
        #expect(try await next(client) == .message(topic: topic, cursors[2], data: "2"))
        #expect(try await next(client) == .message(topic: topic, cursors[3], data: "3"))
        #expect(try await next(client) == .caughtUp(.topic(topic), cursors[3]))
      }
    }
  }

  @Test("replay turns into live delivery without a hole or a double, while messages pour in")
  func replayThenLive() async throws {
    try await TestServer.run(configure: { $0.history.messagesPerTopic = 100_000 }) { server in
      let filler = String(repeating: "x", count: 2000)
      for number in 0..<200 { _ = try await server.publish("\(number) \(filler)", to: "a") }
      async let publishing: Void = {
        for number in 200..<400 { _ = try await server.publish("\(number) \(filler)", to: "a") }
      }()
      var clients: [TestClient] = []
      for _ in 0..<6 {
        let client = try await server.webSocket(subprotocol: "notiflux.v1")
        guard case .welcome(let place, _) = try await next(client) else { throw TestFailure("no welcome") }
        try await subscribe(
          client, server.token(.subscribe, "a"), ["a"], since: Cursor(epoch: place.epoch, sequence: 0))
        clients.append(client)
      }
      for client in clients {
        var numbers: [Int] = []
        while numbers.count < 400 {
          switch try await next(client) {
          case .message(_, _, let data): numbers.append(Int(data.prefix { $0 != " " }) ?? -1)
          case .subscribed, .caughtUp: continue
          case let other: throw TestFailure("\(other)")
          }
        }
        #expect(numbers == Array(0..<400))
      }
      try await publishing
    }
  }

  @Test("a second subscribe with a place replays and goes on, once; several topics replay in one order")
  func again() async throws {
    try await TestServer.run { server in
      let start = Cursor(epoch: try cursor(await server.publish("1", to: "a")).epoch, sequence: 0)
      _ = try await server.publish("2", to: "b")
      _ = try await server.publish("3", to: "a")
      let client = try await server.webSocket(subprotocol: "notiflux.v1")
      _ = try await next(client)
      let token = try server.token(.subscribe, "a", "b")
      for _ in 0..<2 {
        try await subscribe(client, token, ["a", "b"], since: start)
        guard case .subscribed(.topics, start, _) = try await next(client) else { throw TestFailure("no answer") }
        for number in 1...3 {
          guard case .message(_, _, "\(number)") = try await next(client) else { throw TestFailure("not \(number)") }
        }
        guard case .caughtUp = try await next(client) else { throw TestFailure("not caught up") }
      }
      _ = try await server.publish("4", to: "a")
      guard case .message(_, _, "4") = try await next(client) else { throw TestFailure("not live") }
      try await client.sendText(#"{"type":"ping"}"#)
      #expect(try await next(client) == .pong(id: nil), "and not twice")
    }
  }

  @Test("a topic that is held already is replayed in order and once, whatever is published while the replay waits")
  func replaysHeldTopic() async throws {
    try await TestServer.run(configure: { $0.history.messagesPerTopic = 1000 }) { server in
      // More than the sockets' buffers take, so that the replay has to wait for us.
      let filler = String(repeating: "x", count: 100_000)
      for number in 0..<100 { _ = try await server.publish("\(number) \(filler)", to: "a") }
      let client = try await server.webSocket(subprotocol: "notiflux.v1")
      guard case .welcome(let place, _) = try await next(client) else { throw TestFailure("no welcome") }
      let token = try server.token(.subscribe, "a")
      try await subscribe(client, token, ["a"], since: nil)
      guard case .subscribed = try await next(client) else { throw TestFailure("not subscribed") }
      try await subscribe(client, token, ["a"], since: Cursor(epoch: place.epoch, sequence: 0))
      guard case .subscribed = try await next(client) else { throw TestFailure("not subscribed again") }
      for number in 100..<110 { _ = try await server.publish("\(number) \(filler)", to: "a") }
      var numbers: [Int] = []
      while numbers.count < 110 {
        switch try await next(client) {
        case .message(_, _, let data): numbers.append(Int(data.prefix { $0 != " " }) ?? -1)
        case .caughtUp: continue
        case let other: throw TestFailure("\(other)")
        }
      }
      #expect(numbers == Array(0..<110))
    }
  }
}
