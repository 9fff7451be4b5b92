import NIOCore
import NIOPosix
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxClient

@Suite("A probe", .timeLimit(.minutes(1)))
struct ProbeTests {
  private let loop = MultiThreadedEventLoopGroup.singleton.next()

  private func withProbe(_ body: (HTTPProbe, TestConnection) async throws -> Void) async throws {
    try await TestServer.run { server in
      let connector = Connector(
        endpoint: try server.endpoint(), eventLoop: loop, configuration: ClientConfiguration())
      async let probe = HTTPProbe.connect(connector)
      let connection = try await server.accept()
      try await body(probe, connection)
    }
  }

  @Test("asks one question after the other, and gives answers with every field there was")
  func questions() async throws {
    try await withProbe { probe, connection in
      async let first = probe.ask(HTTPQuestion("GET", "/health"), within: .seconds(30))
      #expect(try await connection.readRequest().line == "GET /health HTTP/1.1")
      try await connection.write(answer("200 OK", "one", "Server: proxy/1", "Vary: a", "vary: b"))
      let head = try await first.head
      #expect(head.status == 200)
      #expect(head.keepsAlive)
      #expect(head.all("vary") == ["a", "b"])
      #expect(head.first("server") == "proxy/1")
      #expect(try await first.body == Array("one".utf8))

      let question = HTTPQuestion("POST", "/broadcast", [("X", "y")], body: Array("body".utf8))
      async let second = probe.ask(question, within: .seconds(30))
      let request = try await connection.readRequest()
      #expect(request.body == "body")
      #expect(request.fields["x"] == "y")
      try await connection.write(answer("413 Too Large", "two", "Connection: close"))
      let last = try await second.head
      #expect(last.status == 413)
      #expect(!last.keepsAlive)
    }
  }

  @Test("fails where the connection ends before the answer does, then and from then on")
  func cut() async throws {
    try await withProbe { probe, connection in
      async let reply = probe.ask(HTTPQuestion("GET", "/health"), within: .seconds(30))
      _ = try await connection.readRequest()
      try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
      try await connection.close()
      do {
        _ = try await reply
        Issue.record("half an answer is none")
      } catch {
        #expect("\(error)".contains("without a complete answer"))
      }
      await #expect(throws: ClientError.self) { try await probe.ask(HTTPQuestion("GET", "/"), within: .seconds(30)) }
    }
  }

  @Test("gives up an answer that does not come")
  func late() async throws {
    try await withProbe { probe, connection in
      async let reply = probe.ask(HTTPQuestion("GET", "/health"), within: .milliseconds(20))
      do {
        _ = try await reply
        Issue.record("there was no answer to give")
      } catch ClientError.timedOut(_, let reason) {
        #expect(reason == "no complete answer within 20 ms")
      }
    }
  }

  @Test("writes down a stream as it comes")
  func stream() async throws {
    try await withProbe { probe, connection in
      probe.send(HTTPQuestion("GET", "/events"))
      _ = try await connection.readRequest()
      try await connection.write("HTTP/1.1 200 OK\r\n\r\n")
      let far = ContinuousClock.now + .seconds(30)
      #expect(await probe.transcript.first(until: far) { $0.count == 1 ? true : nil } == true)
      try await connection.write("one")
      #expect(await probe.transcript.first(until: far) { $0.dropFirst().first?.event } == .part(Array("one".utf8)))
      try await connection.close()
      #expect(await probe.transcript.first(until: far) { $0.dropFirst(2).first?.event } == .end)
    }
  }

  @Test("a transcript lets go whoever waits: at the deadline, and when the task is cancelled")
  func waiting() async throws {
    let transcript = Transcript<Int>()
    #expect(await transcript.first(until: .now + .milliseconds(5)) { $0.first?.event } == nil)
    let waiting = Task { await transcript.first(until: .now + .seconds(3600)) { $0.first?.event } }
    waiting.cancel()
    #expect(await waiting.value == nil)
    let other = Task { await transcript.first(until: .now + .seconds(3600)) { $0.first?.event } }
    transcript.append(7)
    #expect(await other.value == 7)
    // What is there is found however late it is.
    #expect(await transcript.first(until: .now) { $0.first?.event } == 7)
  }

  @Test("shakes hands with more fields, and is told of pings")
  func handshake() async throws {
    try await TestServer.run { server in
      let pings = Transcript<Void>()
      var configuration = ClientConfiguration()
      configuration.handshakeFields = [("Origin", "https://www.example.com")]
      configuration.pingObserver = { pings.append(()) }
      let settings = configuration
      let connector = Connector(endpoint: try server.endpoint(), eventLoop: loop, configuration: settings)
      async let link = WebSocketLink.connect(connector, configuration: settings)
      let connection = try await server.accept()
      #expect(try await connection.shakeHands().fields["origin"] == "https://www.example.com")
      let open = try await link
      try await connection.write(FrameEncoder.ping(role: .server, payload: ByteBuffer(string: "p")))
      #expect(try await connection.readEvent() == .pong(ByteBuffer(string: "p")))
      #expect(pings.entries.count == 1)
      open.close()
    }
  }

  @Test("finds the addresses of a name, and says which is not known")
  func addresses() async throws {
    let addresses = try await Endpoint("http://127.0.0.1:8080").addresses()
    #expect(addresses == [try SocketAddress(ipAddress: "127.0.0.1", port: 8080)])
    #expect(try await !Endpoint("http://localhost:8080").addresses().isEmpty)
    await #expect(throws: ClientError.self) { try await Endpoint("http://no-such-host.invalid").addresses() }
  }
}

@Suite("A TLS handshake", .timeLimit(.minutes(1)))
struct TLSHandshakeTests {
  /// How one went, with the server's end of it in the hands of `serve`.
  private func shakeHands(
    _ certificate: TestCertificate? = nil, _ trust: CertificateTrust = .full, trusting caFile: String? = nil,
    within limit: Duration = .seconds(30), serve: (TestConnection) async throws -> Void = { _ in }
  ) async throws -> TLSHandshake {
    try await TestServer.run(tls: certificate?.serverContext()) { server in
      var configuration = ClientConfiguration()
      configuration.caFile = caFile
      let connector = Connector(
        endpoint: try server.endpoint("https"), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
        configuration: configuration, trust: trust)
      async let handshake = connector.shakeHands(within: limit)
      try await serve(server.accept())
      return await handshake
    }
  }

  private func judgement(_ handshake: TLSHandshake) -> TLSHandshake.Judgement? {
    if case .judged(_, let judgement) = handshake { judgement } else { nil }
  }

  @Test("is judged by the certificate that was seen in it: whose it is, and who vouches for it")
  func judged() async throws {
    let (mine, other) = (try TestCertificate(names: "IP:127.0.0.1"), try TestCertificate(names: "DNS:other.example"))
    #expect(try await judgement(shakeHands(mine, trusting: mine.certificateFile)) == .trusted)
    #expect(try await judgement(shakeHands(other, trusting: other.certificateFile)) == .wrongName)
    #expect(try await judgement(shakeHands(mine, trusting: other.certificateFile)) == .unknownAuthority)
    #expect(try await judgement(shakeHands(mine)) == .unknownAuthority)
    #expect(try await judgement(shakeHands(other, .nothing)) == .trusted)
    let old = try TestCertificate(names: "IP:127.0.0.1", isExpired: true)
    #expect(try await judgement(shakeHands(old, trusting: old.certificateFile)) == .unknownAuthority)
  }

  @Test("shows the certificate, trusted or not")
  func facts() async throws {
    let other = try TestCertificate(names: "DNS:other.example")
    for file in [other.certificateFile, nil] {
      guard case .judged(let facts, _) = try await shakeHands(other, trusting: file) else {
        Issue.record("there was a certificate")
        continue
      }
      #expect(facts.names == ["other.example"])
      #expect(facts.version == "TLS 1.3")
      #expect(facts.validUntil - facts.validFrom == 2 * 86_400)
    }
  }

  @Test("that is broken off is no judgement: at once, after the greeting, or by silence")
  func ended() async throws {
    let atOnce = try await shakeHands { try await $0.close() }
    #expect(atOnce == .ended(how: "closed by the server"))
    let greeted = try await shakeHands { connection in
      #expect(await connection.receive())
      try await connection.close()
    }
    #expect(greeted == .ended(how: "closed by the server"))
    let silent = try await shakeHands(within: .milliseconds(20)) { await $0.readToEnd() }
    #expect(silent == .ended(how: "silent for 20 ms"))
  }

  @Test("fails with a server that speaks something else, or refuses")
  func failed() async throws {
    let plain = try await shakeHands { try await $0.write("HTTP/1.1 400 Bad Request\r\n\r\n") }
    guard case .failed(.tls(_, let reason)) = plain else {
      Issue.record("\(plain)")
      return
    }
    #expect(reason.contains("does not speak TLS"))
    // Fatal alerts (RFC 8446 §6): unrecognized_name, no_application_protocol.
    func refused(_ alert: UInt8) async throws -> TLSHandshake {
      try await shakeHands { connection in
        #expect(await connection.receive())
        try await connection.write(ByteBuffer(bytes: [21, 3, 3, 0, 2, 2, alert]))
      }
    }
    guard case .failed(.tls) = try await refused(112) else {
      Issue.record("an alert ends it")
      return
    }
    #expect(try await refused(120) == .noHTTP1)
  }
}
