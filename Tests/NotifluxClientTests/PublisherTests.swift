import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("A publisher", .timeLimit(.minutes(1)))
struct PublisherTests {
  let topic: Topic

  init() throws { topic = try Topic("news") }

  /// Runs `body` with a server and a client of it.
  func withClient(
    _ configure: (inout ClientConfiguration) -> Void = { _ in }, path: String = "",
    _ body: (TestServer, NotifluxClient) async throws -> Void
  ) async throws {
    var configuration = ClientConfiguration()
    configuration.backoffBase = .zero
    configure(&configuration)
    try await TestServer.run { server in
      let client = NotifluxClient(endpoint: try server.endpoint(path: path), configuration: configuration)
      do {
        try await body(server, client)
        await client.shutDown()
      } catch {
        await client.shutDown()
        throw error
      }
    }
  }

  func publish(_ text: String, by client: NotifluxClient, id: String? = nil) async -> Result<Cursor, ClientError> {
    do { return .success(try await client.publish(text, to: [topic], token: "tok", id: id)) } catch {
      return .failure(error)
    }
  }

  func cursor(_ sequence: UInt64) -> Cursor { Cursor(epoch: "e", sequence: sequence) }

  @Test("posts the message as JSON with the token in its field, and returns the cursor")
  func request() async throws {
    try await withClient(path: "/hub") { server, client in
      async let cursor = publish("hällo \"\n", by: client, id: "i1")
      let connection = try await server.accept()
      let request = try await connection.readRequest()
      try await connection.accept(42)
      #expect(await cursor == .success(self.cursor(42)))
      #expect(request.line == "POST /hub/broadcast HTTP/1.1")
      #expect(request.fields["host"] == client.endpoint.hostHeader)
      #expect(request.fields["authorization"] == "Bearer tok")
      #expect(request.fields["content-type"] == "application/json")
      #expect(request.json == ["topic": "news", "message": "hällo \"\n", "id": "i1"])
    }
  }

  @Test("names several topics, each once")
  func topics() async throws {
    try await withClient { server, client in
      let other = try Topic("sport")
      async let cursor = client.publish("x", to: [topic, other, topic], token: "tok")
      let connection = try await server.accept()
      let request = try await connection.readRequest()
      try await connection.accept(2)
      _ = try await cursor
      #expect(request.json["topics"] == ["news", "sport"])
    }
  }

  @Test("makes up an id where it may have to try again, and none where not")
  func ids() async throws {
    for retries in [0, 1] {
      try await withClient {
        $0.retries = retries
      } _: { server, client in
        async let first = publish("1", by: client)
        let connection = try await server.accept()
        let one = try await connection.readRequest()
        try await connection.accept(1)
        _ = await first
        async let second = publish("2", by: client)
        let two = try await connection.readRequest()
        try await connection.accept(2)
        _ = await second
        #expect((one.id != nil) == (retries > 0))
        #expect(retries == 0 || one.id != two.id)
      }
    }
  }

  @Test("keeps the connection, and opens another when the server has closed it")
  func keepsAlive() async throws {
    try await withClient({ $0.retries = 0 }) { server, client in
      async let first = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      try await connection.accept(1)
      #expect(await first == .success(cursor(1)))
      async let second = publish("2", by: client)
      #expect(try await connection.readRequest().message == "2")
      try await connection.accept(2)
      #expect(await second == .success(cursor(2)))
      try await connection.close()
      // Whether or not the client has seen the end by now: it has an id, so it can be sent twice.
      async let third = publish("3", by: client, id: "i3")
      let next = try await server.accept()
      #expect(try await next.readRequest().message == "3")
      try await next.accept(3)
      #expect(await third == .success(cursor(3)))
    }
  }

  @Test("sends again, with the same id, what the server closed upon")
  func race() async throws {
    try await withClient { server, client in
      async let answer = publish("1", by: client)
      let connection = try await server.accept()
      let one = try await connection.readRequest()
      try await connection.close()
      let next = try await server.accept()
      let two = try await next.readRequest()
      try await next.accept(1)
      #expect(await answer == .success(cursor(1)))
      #expect(one.id != nil && one.id == two.id)
    }
  }

  @Test("does not send again without an id what may have been published")
  func unsafe() async throws {
    try await withClient({ $0.retries = 0 }) { server, client in
      async let answer = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      try await connection.close()
      guard case .failure(.unreachable(_, let reason)) = await answer else {
        Issue.record("\(await answer)")
        return
      }
      #expect(reason.hasSuffix("the message may have been published all the same"))
    }
  }

  @Test("gives up on a slow answer, and closes the connection it may still come on")
  func slow() async throws {
    try await withClient {
      $0.retries = 0
      $0.requestTimeout = .milliseconds(20)
    } _: { server, client in
      async let answer = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      guard case .failure(.timedOut(_, let reason)) = await answer else {
        Issue.record("\(await answer)")
        return
      }
      #expect(reason.hasPrefix("no answer within 20 ms"))
      await connection.readToEnd()
    }
  }

  @Test("passes on a refusal with its code, status and text, and does not try again")
  func refused() async throws {
    try await withClient { server, client in
      async let result = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      let body = #"{"error":"token expired 12 s ago","code":"token_expired"}"#
      try await connection.write(answer("401 Unauthorized", body, "WWW-Authenticate: Bearer"))
      let refusal = ClientError.refused(Refusal(.tokenExpired, "token expired 12 s ago"), status: 401)
      #expect(await result == .failure(refusal))
      #expect(refusal.description == "refused by the server: token expired 12 s ago")
    }
  }

  @Test("says what a stranger answered, on one line")
  func stranger() async throws {
    try await withClient({ $0.retries = 0 }) { server, client in
      async let result = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      try await connection.write(answer("418 I'm a teapot", "no\r\n coffee\u{1B}[31m\n"))
      let error = ClientError.unexpectedAnswer(client.endpoint, status: 418, snippet: "no coffee [31m")
      #expect(await result == .failure(error))
      #expect(error.description.hasSuffix(" answered 418, not as a notiflux server does: no coffee [31m"))
    }
  }

  @Test("tries again when the server is draining or overloaded, or a proxy finds no server")
  func triesAgain() async throws {
    try await withClient { server, client in
      async let result = publish("1", by: client)
      let connection = try await server.accept()
      let one = try await connection.readRequest()
      let body = #"{"error":"going down","code":"draining"}"#
      try await connection.write(answer("503 Service Unavailable", body, "Retry-After: 0", "Connection: close"))
      let next = try await server.accept()
      let two = try await next.readRequest()
      try await next.write(answer("429 Too Many Requests", "slow down"))
      let three = try await next.readRequest()
      try await next.write(answer("503 Service Unavailable", "<h1>No server is available</h1>"))
      let four = try await next.readRequest()
      try await next.accept(1)
      #expect(await result == .success(cursor(1)))
      #expect(Set([one, two, three, four].map(\.id)) == [one.id])
    }
  }

  @Test("reads answers that come byte by byte, chunked, or after an interim one")
  func split() async throws {
    try await withClient { server, client in
      async let first = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      for byte in answer("200 OK", #"{"cursor":"e:1"}"#) { try await connection.write(String(byte)) }
      #expect(await first == .success(cursor(1)))
      async let second = publish("2", by: client)
      _ = try await connection.readRequest()
      try await connection.write(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
          + "7\r\n{\"curso\r\n9\r\nr\":\"e:2\"}\r\n0\r\n\r\n")
      #expect(await second == .success(cursor(2)))
    }
  }

  @Test("says when what answers is no HTTP server")
  func notHTTP() async throws {
    try await withClient({ $0.retries = 0 }) { server, client in
      async let result = publish("1", by: client)
      let connection = try await server.accept()
      try await connection.write("220 mail.example.com ESMTP\r\n")
      guard case .failure(.unreachable(_, let reason)) = await result else {
        Issue.record("\(await result)")
        return
      }
      #expect(reason.contains("does not speak HTTP"))
    }
  }

  @Test("says that nobody listens, and asks whether the server runs")
  func nobody() async throws {
    try await withClient({ $0.retries = 1 }) { server, client in
      try await server.stopListening()
      let reason = "connection refused; is the server running?"
      #expect(await publish("1", by: client) == .failure(.unreachable(client.endpoint, reason: reason)))
    }
  }

  @Test("says that a host is not known")
  func unknownHost() async throws {
    var configuration = ClientConfiguration()
    configuration.retries = 0
    let client = NotifluxClient(endpoint: try Endpoint("http://no-such-host.invalid"), configuration: configuration)
    let result = await publish("1", by: client)
    await client.shutDown()
    guard case .failure(let error) = result else {
      Issue.record("published")
      return
    }
    #expect(error.description.contains(#"the host name "no-such-host.invalid" is not known; check its spelling"#))
  }

  @Test("keeps many messages in order over a connection that breaks in between")
  func order() async throws {
    try await withClient({ $0.pipelining = 8 }) { server, client in
      let pending = try (1...40).map {
        try client.publisher.enqueue("\($0)", to: [topic], token: "tok")
      }
      async let published = Self.serve(server, requests: 40, breakingAfter: 7)
      for (index, message) in pending.enumerated() {
        #expect(try await message.cursor() == cursor(UInt64(index + 1)))
      }
      #expect(try await published == (1...40).map { "\($0)" })
    }
  }

  /// Answers requests as a server with a memory for ids. Each connection breaks after some answers, with one message
  /// published and not answered. Returns the messages in the order they were published.
  static func serve(_ server: TestServer, requests: Int, breakingAfter limit: Int) async throws -> [String] {
    var known: [String: Int] = [:]
    var published: [String] = []
    var answered = 0
    func publish(_ request: TestRequest) -> Int {
      if let sequence = known[request.id ?? ""] { return sequence }
      published.append(request.message ?? "")
      known[request.id ?? ""] = published.count
      return published.count
    }
    while answered < requests {
      let connection = try await server.accept()
      for _ in 0..<limit where answered < requests {
        try await connection.accept(publish(connection.readRequest()))
        answered += 1
      }
      guard answered < requests else { break }
      _ = try await publish(connection.readRequest())
      try await connection.close()
    }
    return published
  }

  @Test("cancelling the task ends the wait at once")
  func cancels() async throws {
    try await withClient { server, client in
      let task = Task { await publish("1", by: client) }
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      task.cancel()
      #expect(await task.value == .failure(.cancelled))
    }
  }

  @Test("shutting down ends what is under way and everything after it")
  func shutsDown() async throws {
    try await withClient { server, client in
      async let result = publish("1", by: client)
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      await client.shutDown()
      #expect(await result == .failure(.cancelled))
      #expect(await publish("2", by: client) == .failure(.cancelled))
    }
  }

  @Test("refuses what cannot be sent before it connects")
  func checks() async throws {
    try await withClient { _, client in
      let many = try (0...1000).map { try Topic("\($0)") }
      let cases: [([Topic], String, String?, ErrorCode)] = [
        ([], "tok", nil, .badRequest), (many, "tok", nil, .badRequest), ([topic], "", nil, .tokenMissing),
        ([topic], "a b", nil, .tokenMalformed), ([topic], "a\r\nX: y", nil, .tokenMalformed),
        ([topic], "tok", "", .badRequest), ([topic], "tok", String(repeating: "x", count: 129), .badRequest),
      ]
      for (topics, token, id, code) in cases {
        let error = #expect(throws: ClientError.self) {
          try client.publisher.enqueue("m", to: topics, token: token, id: id)
        }
        guard case .refused(let refusal, nil)? = error else {
          Issue.record("\(String(describing: error))")
          continue
        }
        #expect(refusal.code == code)
      }
    }
  }
}
