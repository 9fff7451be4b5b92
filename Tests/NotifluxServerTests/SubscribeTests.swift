import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

@Suite(.timeLimit(.minutes(5))) struct SubscribeTests {
  private func text(_ text: String) -> WebSocketEvent { .text(ByteBuffer(string: text)) }

  @Test("a subscriber gets each message of its topics, as it was published, in the order of the answers")
  func delivers() async throws {
    try await TestServer.run { server in
      let client = try await server.webSocket()
      try await client.subscribe("a", server.token(.subscribe, "a", "b"))
      try await client.subscribe("b", server.token(.subscribe, "b"))
      for message in ["1", "zwei \"2\"\n\u{1F6AA}", ""] {
        #expect(try await server.publish(message, to: "a").contains("200 OK"))
      }
      #expect(try await server.publish("not for us", to: "c").contains("200 OK"))
      #expect(try await server.publish("both", to: "b", "a").contains("200 OK"))
      for expected in ["1", "zwei \"2\"\n\u{1F6AA}", "", "both", "both"] {
        #expect(try await client.next() == text(expected))
      }
    }
  }

  @Test("all subscribers on all workers see the same order, whoever publishes")
  func order() async throws {
    try await TestServer.run { server in
      var clients: [TestClient] = []
      for _ in 0..<8 {
        let client = try await server.webSocket()
        try await client.subscribe("t", server.token(.subscribe, "t"))
        clients.append(client)
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for publisher in 0..<8 {
          group.addTask {
            for number in 0..<25 {
              let answer = try await server.publish("\(publisher)/\(number)", to: "t")
              #expect(answer.contains("200 OK"), "\(answer)")
            }
          }
        }
        try await group.waitForAll()
      }
      var orders: Set<[String]> = []
      for client in clients {
        var order: [String] = []
        for _ in 0..<200 {
          guard case .text(let message)? = try await client.next() else { throw TestFailure("no message") }
          order.append(String(buffer: message))
        }
        #expect(Set(order).count == 200)
        orders.insert(order)
      }
      #expect(orders.count == 1)
    }
  }

  @Test("a refused subscribe says why, and nothing is delivered")
  func refused() async throws {
    try await TestServer.run(configure: { $0.maximumSubscriptions = 1 }) { server in
      let client = try await server.webSocket()
      let good = try server.token(.subscribe, "t", "u")
      for (command, part) in [
        ("/subscribe t " + (try server.token(.broadcast, "t")), "t: "),
        ("/subscribe t " + (try server.token(.subscribe, "u")), "t: "),
        ("/subscribe t " + (try server.token(.subscribe, "t", expiresIn: -12)), "t: token expired "),
        ("/subscribe t nonsense", "t: "), ("/subscribe a\u{7}b " + good, "a\u{7}b: "),
      ] {
        try await client.sendText(command)
        guard case .text(let answer)? = try await client.next() else { throw TestFailure("no answer") }
        #expect(String(buffer: answer).hasPrefix("Not allowed to subscribe to " + part), "\(String(buffer: answer))")
      }
      _ = try await server.publish("secret", to: "t")
      try await client.subscribe("t", good)
      try await client.sendText("/subscribe u \(good)")
      guard case .text(let answer)? = try await client.next() else { throw TestFailure("no answer") }
      #expect(String(buffer: answer).contains("may hold 1 topics"))
      try await client.subscribe("t", good)
    }
  }

  @Test("what is unsubscribed is delivered no more")
  func unsubscribes() async throws {
    try await TestServer.run { server in
      let client = try await server.webSocket()
      let token = try server.token(.subscribe, "a b", "b", "c")
      try await client.sendText("/subscribe b \(token)")
      try await client.subscribe("c", token)
      try await client.sendText("/unsubscribe b")
      try await client.subscribe("c", token)
      _ = try await server.publish("gone", to: "b")
      _ = try await server.publish("here", to: "c")
      #expect(try await client.next() == text("here"))
      try await client.sendText("/unsubscribe-all")
      try await client.subscribe("b", token)
      _ = try await server.publish("gone", to: "c")
      _ = try await server.publish("end", to: "b")
      #expect(try await client.next() == text("end"))
    }
  }

  @Test("the same id on a topic is delivered once and answered alike; other topics are not concerned")
  func idempotent() async throws {
    try await TestServer.run { server in
      let client = try await server.webSocket()
      try await client.subscribe("a", server.token(.subscribe, "a"))
      try await client.subscribe("b", server.token(.subscribe, "b"))
      let first = try await server.publish("1", to: "a", id: "x")
      let again = try await server.publish("other text", to: "a", id: "x")
      #expect(first.split(separator: "\r\n\r\n").last == again.split(separator: "\r\n\r\n").last)
      _ = try await server.publish("2", to: "a", "b", id: "x")
      _ = try await server.publish("3", to: "a")
      for expected in ["1", "2", "3"] { #expect(try await client.next() == text(expected)) }
    }
  }

  /// Messages that are joined with others, and such that are too large for that.
  @Test(
    "a client that does not read is closed with 1013 after what fitted, and the others go on",
    arguments: [100_000, 500_000])
  func slowConsumer(size: Int) async throws {
    try await TestServer.run(configure: {
      $0.maximumPending = 1 << 20
      $0.maximumMessageSize = 1 << 20
    }) { server in
      let slow = try await server.webSocket()
      let quick = try await server.webSocket()
      let token = try server.token(.subscribe, "t")
      try await slow.subscribe("t", token)
      try await quick.subscribe("t", token)
      // Far more than the sockets' buffers and --max-pending together hold.
      let message = String(repeating: "m", count: size)
      let count = 7_000_000 / size
      for _ in 0..<count {
        #expect(try await server.publish(message, to: "t").contains("200 OK"))
        #expect(try await quick.next() == text(message))
      }
      var delivered = 0
      var end: WebSocketEvent?
      while let event = try await slow.next() {
        guard event == text(message) else {
          end = event
          break
        }
        delivered += 1
      }
      #expect(end == .close(code: .tryAgainLater, reason: "slow consumer"))
      #expect((1..<count).contains(delivered))
    }
  }

  @Test("a quiet client is pinged, and closed when it stays quiet")
  func heartbeat() async throws {
    try await TestServer.run { server in
      let client = try await server.webSocket()
      try await server.advance(seconds: 15)
      #expect(try await client.next() == .ping(ByteBuffer()))
      try await server.advance(seconds: 15)
      #expect(try await client.next() == .close(code: .goingAway, reason: "no frame for 30 s"))
      #expect(try await client.next() == nil)
    }
  }

  @Test("connections that go, politely or not, leave nothing behind")
  func leavesNothing() async throws {
    try await TestServer.run { server in
      let token = try server.token(.subscribe, "t", "u")
      for round in 0..<10 {
        var clients: [TestClient] = []
        for _ in 0..<20 {
          let client = try await server.webSocket()
          try await client.subscribe("t", token)
          try await client.subscribe("u", token)
          clients.append(client)
        }
        #expect(await server.server.tableSizes().subscriptions == 40)
        for (index, client) in clients.enumerated() {
          switch (index + round) % 3 {
          case 0: try await client.close()
          case 1: try await client.reset()
          default:
            try await client.send([0x88, 0x80, 0, 0, 0, 0])
            while try await client.next() != nil {}
          }
        }
        while server.server.connectionCount > 0 { await Task.yield() }
        let sizes = await server.server.tableSizes()
        #expect(sizes.subscriptions == 0)
        #expect(sizes.topics == 0)
        #expect(sizes.timers == 0)
      }
    }
  }

  @Test("a drain tells each client when to return, spread over the drain time, and ends when they have gone")
  func drain() async throws {
    try await TestServer.run { server in
      var clients: [TestClient] = []
      for _ in 0..<10 { clients.append(try await server.webSocket()) }
      async let drained: Void = server.server.drain()
      var waits: [Int] = []
      for client in clients {
        guard case .close(.goingAway, let reason)? = try await client.next() else { throw TestFailure("no close") }
        waits.append(try #require(ReconnectHint.milliseconds(in: reason)))
        try await client.send([0x88, 0x80, 0, 0, 0, 0])
        while try await client.next() != nil {}
      }
      await drained
      #expect(waits.sorted() == [100] + (1..<10).map { $0 * 200 })
      #expect(server.server.connectionCount == 0)
    }
  }
}

extension Server {
  /// What all workers hold together.
  fileprivate func tableSizes() async -> (subscriptions: Int, topics: Int, timers: Int) {
    var sum = (subscriptions: 0, topics: 0, timers: 0)
    for worker in workersForTesting {
      let sizes = await worker.loop.run {
        let table = worker.value.hub.table
        return (table.subscriptionCount, table.topicCount, worker.value.connectionCount)
      }
      sum.subscriptions += sizes?.0 ?? 0
      sum.topics += sizes?.1 ?? 0
      sum.timers += sizes?.2 ?? 0
    }
    return sum
  }
}
