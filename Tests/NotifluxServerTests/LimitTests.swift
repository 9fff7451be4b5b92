import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

@Suite("Limits, over sockets", .timeLimit(.minutes(5)))
struct LimitTests {
  /// So slow that no test sees a second one.
  private static func once(_ burst: Double) -> RateLimit { RateLimit(perSecond: 1.0 / 7200, burst: burst) }

  private func post(_ body: String, _ type: String = "application/json") -> String {
    "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private func broadcast(_ token: String) -> String { #"{"topic":"t","message":"m","token":"\#(token)"}"# }

  private func bad(_ token: String, _ number: Int) -> String {
    let parts = token.split(separator: ".")
    return "\(parts[0]).\(parts[1]).\(String(repeating: "A", count: 80))\(1000 + number)AA"
  }

  @Test("a connection beyond those of its address is told so, until one has gone")
  func perAddress() async throws {
    try await TestServer.run(configure: { $0.maximumConnectionsPerAddress = 2 }) { server in
      let (first, second) = (try await server.webSocket(), try await server.webSocket())
      let answer = try await server.connect().readAll()
      #expect(answer.hasPrefix("HTTP/1.1 429 ") && answer.contains("retry-after: 1\r\n"))
      #expect(answer.contains("your address holds 2 connections"))
      try await first.close()
      while server.server.connectionCount > 1 { await Task.yield() }
      _ = try await server.webSocket()
      _ = second
    }
  }

  @Test("half-open handshakes do not keep a newcomer out, however many")
  func halfOpen() async throws {
    try await TestServer.run(configure: {
      $0.workers = 1
      $0.maximumConnections = 8
      $0.maximumHTTPConnections = 4
    }) { server in
      let subscriber = try await server.webSocket()
      try await subscriber.subscribe("t", try server.token(.subscribe, "t"))
      var clients: [TestClient] = []
      for _ in 0..<40 {
        let client = try await server.connect()
        try await client.send("GET /ws HTTP/1.1\r\n")
        clients.append(client)
      }
      let other = try await server.webSocket()
      try await other.subscribe("t", try server.token(.subscribe, "t"))
      #expect(try await server.publish("m", to: "t").contains(" 200 "))
      #expect(try await subscriber.next() == .text(ByteBuffer(string: "m")))
      #expect(server.server.connectionCount <= 6)
      #expect(try await clients[0].readAll() == "")
    }
  }

  @Test("who publishes too fast is told when to go on, on the same connection")
  func publishRate() async throws {
    try await TestServer.run(configure: { $0.publishRate = Self.once(2) }) { server in
      let client = try await server.connect()
      let token = try server.token(.broadcast, "t")
      var heads: [String] = []
      for _ in 0..<3 {
        try await client.send(post(broadcast(token)))
        heads.append(try await client.readResponse().head)
      }
      #expect(heads[0].contains(" 200 ") && heads[1].contains(" 200 "))
      #expect(heads[2].hasPrefix("HTTP/1.1 429 "))
      #expect(heads[2].contains("retry-after: 7") && !heads[2].contains("retry-after: 7\r"), "two hours, about")
    }
  }

  @Test("each line of a batch counts, and each has its answer")
  func batchRate() async throws {
    try await TestServer.run(configure: { $0.publishRate = Self.once(2) }) { server in
      let client = try await server.connect()
      let line = broadcast(try server.token(.broadcast, "t")) + "\n"
      try await client.send(
        "POST /broadcast HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/x-ndjson\r\n"
          + "Content-Length: \(4 * line.utf8.count)\r\n\r\n\(line)\(line)\(line)\(line)")
      let answer = try await client.readAll()
      #expect(answer.hasPrefix("HTTP/1.1 200 "))
      #expect(answer.split(separator: #""cursor""#).count == 3)
      #expect(answer.split(separator: #""rate_limited""#).count == 3)
    }
  }

  @Test("bad tokens of a connection are checked at their rate: publishes one by one, in a batch, and on a stream")
  func badTokens() async throws {
    try await TestServer.run(configure: { $0.badTokenRate = Self.once(3) }) { server in
      let token = try server.token(.broadcast, "t")
      _ = try await server.connect()
      let client = try await server.connect()
      try await client.send(post(broadcast(token)))
      #expect(try await client.readResponse().head.contains(" 200 "))
      try await client.send(post(broadcast(bad(token, 1))) + post(broadcast(bad(token, 2))))
      for _ in 0..<2 { #expect(try await client.readResponse().head.hasPrefix("HTTP/1.1 401 ")) }
      let lines = (3..<6).map { broadcast(bad(token, $0)) + "\n" }.joined() + broadcast(token) + "\n"
      try await client.send(post(lines, "application/x-ndjson"))
      _ = try await client.readHead()
      try await client.send(
        "GET /events?topic=t&token=\(bad(token, 6)) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
      let rest = try await client.readAll()
      #expect(rest.split(separator: #""token_signature""#).count == 2)
      #expect(rest.split(separator: #""cursor""#).count == 2, "a token that is remembered passes")
      #expect(rest.contains("HTTP/1.1 429 ") && rest.contains("too many bad tokens"))
      #expect(rest.split(separator: #""rate_limited""#).count == 4)
    }
  }

  @Test("a WebSocket pays for its bad tokens too, and goes on")
  func webSocketBadTokens() async throws {
    try await TestServer.run(configure: { $0.badTokenRate = Self.once(2) }) { server in
      let client = try await server.webSocket()
      let token = try server.token(.subscribe, "t")
      try await client.subscribe("t", token)
      for number in 0..<4 { try await client.sendText("/subscribe t \(bad(token, number))") }
      var texts: [String] = []
      for _ in 0..<4 {
        if case .text(let text)? = try await client.next() { texts.append(String(buffer: text)) }
      }
      #expect(texts.map { $0.contains("too many bad tokens") } == [false, false, true, true])
      try await client.subscribe("t", token)
    }
  }
}
