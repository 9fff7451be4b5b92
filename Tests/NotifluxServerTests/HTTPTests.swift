import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct HTTPTests {
  private func exchange(_ server: TestServer, _ request: String) async throws -> (head: String, body: String) {
    let client = try await server.connect()
    try await client.send(request)
    return try await client.readResponse()
  }

  private func post(_ body: String, headers: String = "Content-Type: application/json\r\n") -> String {
    "POST /broadcast HTTP/1.1\r\nHost: x\r\n\(headers)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  @Test("each refusal has its status, code and a text")
  func refusals() async throws {
    try await TestServer.run { server in
      let good = try server.token(.broadcast, "t")
      let cases: [(request: String, status: Int, code: ErrorCode)] = [
        (post("{"), 400, .badRequest),
        (post(#"{"topic":"\u0007","message":"m","token":"\#(good)"}"#), 400, .topicInvalid),
        (post(#"{"topic":"t","message":"m"}"#), 401, .tokenMissing),
        (post(#"{"topic":"t","message":"m","token":""}"#), 401, .tokenMissing),
        (post(#"{"topic":"t","message":"m","token":"a.b.c"}"#), 401, .tokenMalformed),
        (post(#"{"topic":"t","message":"m","token":"\#(good)A"}"#), 401, .tokenSignature),
        (
          post(#"{"topic":"t","message":"m","token":"\#(try server.token(.broadcast, "t", expiresIn: -9))"}"#), 401,
          .tokenExpired
        ),
        (post(#"{"topic":"t","message":"m","token":"\#(try server.token(.subscribe, "t"))"}"#), 403, .tokenScope),
        (post(#"{"topic":"u","message":"m","token":"\#(good)"}"#), 403, .topicNotAllowed),
        (post(#"{"topics":["t","u"],"message":"m","token":"\#(good)"}"#), 403, .topicNotAllowed),
        (post("{}", headers: "Content-Type: text/plain\r\n"), 415, .unsupportedMediaType),
        ("GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404, .notFound),
        ("GET /broadcast HTTP/1.1\r\nHost: x\r\n\r\n", 405, .methodNotAllowed),
        ("DELETE /health HTTP/1.1\r\nHost: x\r\n\r\n", 405, .methodNotAllowed),
        ("GET /ws HTTP/1.1\r\nHost: x\r\n\r\n", 426, .badRequest),
        ("POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 2097153\r\n\r\n", 413, .tooLarge),
        ("GET /health HTTP/1.1\r\nHost: x\r\nX: \(String(repeating: "x", count: 40000))\r\n\r\n", 431, .tooLarge),
        ("GET /health HTTP/1.1\r\n\r\n", 400, .badRequest),
        ("GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400, .badRequest),
        ("nonsense\r\n\r\n", 400, .badRequest),
        (
          "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
          .badRequest
        ),
        ("POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, .badRequest),
        ("POST /broadcast HTTP/1.1\r\nHost: x\r\nExpect: miracles\r\nContent-Length: 2\r\n\r\n", 417, .badRequest),
      ]
      for (request, status, code) in cases {
        let (head, body) = try await exchange(server, request)
        #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(request.prefix(80)): \(head)")
        let answer = Array(body.utf8).withUnsafeBytes { BroadcastAnswer(json: $0) }
        guard case .refused(let refusal) = answer else { throw TestFailure("\(request.prefix(80)): \(body)") }
        #expect(refusal.code == code, "\(request.prefix(200)): \(body)")
        #expect(!refusal.message.isEmpty)
        #expect((status == 401) == head.lowercased().contains("www-authenticate: bearer"))
        #expect((status == 405) == head.lowercased().contains("\r\nallow: "))
      }
    }
  }

  @Test("the token may come as a bearer, and one in the body wins")
  func bearer() async throws {
    try await TestServer.run { server in
      let token = try server.token(.broadcast, "t")
      let headers = "Content-Type: application/json; charset=utf-8\r\nAuthorization: bearer \(token)\r\n"
      let (head, body) = try await exchange(server, post(#"{"topic":"t","message":"m"}"#, headers: headers))
      #expect(head.hasPrefix("HTTP/1.1 200 "))
      #expect(body.hasPrefix(#"{"cursor":""#) && body.hasSuffix(#":1"}"#), "\(body)")
      let typed = headers.split(separator: "application/json").joined(separator: "application/vnd.example+json")
      #expect(try await exchange(server, post(#"{"topic":"t","message":"m"}"#, headers: typed)).head.contains(" 200 "))
      let other = try await exchange(server, post(#"{"topic":"t","message":"m","token":"x"}"#, headers: headers))
      #expect(other.head.hasPrefix("HTTP/1.1 401 "))
    }
  }

  @Test("pipelined requests are answered in their order, over one connection")
  func pipelining() async throws {
    try await TestServer.run { server in
      let token = try server.token(.broadcast, "t")
      let client = try await server.connect()
      let one = post(#"{"topic":"t","message":"m","token":"\#(token)"}"#)
      let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
      try await client.send(one + health + one + "HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n" + one)
      #expect(try await client.readResponse().body.hasSuffix(#":1"}"#))
      #expect(try await client.readResponse().body == #"{"status":"ok"}"#)
      #expect(try await client.readResponse().body.hasSuffix(#":2"}"#))
      #expect(try await client.readHead().contains("content-length: 15"))
      #expect(try await client.readResponse().body.hasSuffix(#":3"}"#))
    }
  }

  @Test("a chunked body and one that was announced are read; HTTP/1.0 is closed after its answer")
  func bodies() async throws {
    try await TestServer.run { server in
      let token = try server.token(.broadcast, "t")
      let body = #"{"topic":"t","message":"m","token":"\#(token)"}"#
      let chunked = body.map { "1\r\n\($0)\r\n" }.joined() + "0\r\n\r\n"
      let start = "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
      #expect(try await exchange(server, start + "Transfer-Encoding: chunked\r\n\r\n" + chunked).head.contains(" 200 "))
      let client = try await server.connect()
      try await client.send(start + "Expect: 100-continue\r\nContent-Length: \(body.utf8.count)\r\n\r\n")
      #expect(try await client.readHead() == "HTTP/1.1 100 Continue\r\n\r\n")
      try await client.send(body)
      #expect(try await client.readHead().contains(" 200 "))
      let old = try await server.connect()
      try await old.send("GET /health HTTP/1.0\r\n\r\n")
      #expect(try await old.readAll().contains("connection: close"))
    }
  }

  @Test("a head or a body that does not come is cut off: the body with 408")
  func slow() async throws {
    try await TestServer.run { server in
      let head = try await server.connect()
      try await head.send("GET /health HTT")
      while server.server.connectionCount < 1 { await Task.yield() }
      try await server.advance(seconds: 10)
      #expect(try await head.readAll().hasPrefix("HTTP/1.1 408 "))
      let body = try await server.connect()
      try await body.send("POST /broadcast HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
      #expect(try await body.readHead().contains(" 100 "))
      try await server.advance(seconds: 60)
      #expect(try await body.readAll().hasPrefix("HTTP/1.1 408 "))
      let idle = try await server.connect()
      try await idle.send("GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(try await idle.readResponse().body == #"{"status":"ok"}"#)
      try await server.advance(seconds: 75)
      #expect(try await idle.readAll() == "", "a kept-alive connection is closed without a word")
    }
  }

  @Test("a page of a foreign origin gets no WebSocket, and its preflight no leave")
  func origins() async throws {
    try await TestServer.run(configure: { $0.allowedOrigins = .only(["https://a.example"]) }) { server in
      let upgrade =
        "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
      #expect(try await exchange(server, upgrade + "Origin: https://b.example\r\n\r\n").head.contains(" 403 "))
      let client = try await server.connect()
      try await client.send(upgrade + "Origin: https://a.example\r\n\r\n")
      #expect(try await client.readHead().contains(" 101 "))
      let preflight = "OPTIONS /broadcast HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n\r\n"
      let (head, _) = try await exchange(server, preflight)
      #expect(head.contains(" 204 ") && head.contains("access-control-allow-origin: https://a.example"))
      #expect(head.contains("access-control-allow-headers: authorization, content-type, last-event-id"))
    }
  }

  @Test("one connection too many is told so, and a place that is free again can be had")
  func connectionLimit() async throws {
    try await TestServer.run(configure: { $0.maximumConnections = 1 }) { server in
      let first = try await server.webSocket()
      let second = try await server.connect()
      #expect(try await second.readAll().hasPrefix("HTTP/1.1 429 "))
      try await first.close()
      while server.server.connectionCount > 0 { await Task.yield() }
      _ = try await server.webSocket()
    }
  }

  @Test("keys can be replaced while it runs")
  func replacesKeys() async throws {
    try await TestServer.run { server in
      let before = try await server.publish("m", to: "t")
      #expect(before.contains(" 200 "))
      server.server.replaceKeys([], revocations: RevocationList())
      let after = try await server.publish("m", to: "t")
      #expect(after.contains("token_signature"))
    }
  }
}
