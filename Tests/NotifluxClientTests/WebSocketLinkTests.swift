import NIOCore
import NIOEmbedded
import NIOPosix
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxClient

@Suite("A WebSocket link", .timeLimit(.minutes(1)))
struct WebSocketLinkTests {
  /// Runs `body` with a server and what makes links to it.
  func withServer(
    path: String = "", _ body: (TestServer, Connector, ClientConfiguration) async throws -> Void
  ) async throws {
    try await TestServer.run { server in
      let configuration = ClientConfiguration()
      let connector = Connector(
        endpoint: try server.endpoint(path: path), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
        configuration: configuration)
      try await body(server, connector, configuration)
    }
  }

  /// A link and the server's end of it.
  func withLink(
    then: ByteBuffer = ByteBuffer(), _ configure: (inout ClientConfiguration) -> Void = { _ in },
    _ body: (WebSocketLink, TestConnection) async throws -> Void
  ) async throws {
    try await withServer { server, connector, configuration in
      var configuration = configuration
      configure(&configuration)
      let settings = configuration
      async let link = WebSocketLink.connect(connector, configuration: settings)
      let connection = try await server.accept()
      try await connection.shakeHands(then: then)
      try await body(link, connection)
    }
  }

  /// Everything up to the last event.
  func all(from link: WebSocketLink) async -> [LinkEvent] {
    var events: [LinkEvent] = []
    while true {
      events += await link.nextEvents()
      if case .ended? = events.last { return events }
    }
  }

  /// How the handshake fails on this answer.
  func failure(on answer: String) async throws -> HandshakeFailure? {
    var failure: HandshakeFailure?
    try await withServer { server, connector, configuration in
      let connecting = Task { try await WebSocketLink.connect(connector, configuration: configuration) }
      let connection = try await server.accept()
      _ = try await connection.readRequest()
      try await connection.write(answer)
      do { _ = try await connecting.value } catch { failure = error as? HandshakeFailure }
      await connection.readToEnd()  // The client closes.
    }
    return failure
  }

  @Test("asks for an upgrade as RFC 6455 §4.1 has it")
  func request() async throws {
    try await withServer(path: "/hub") { server, connector, configuration in
      async let link = WebSocketLink.connect(connector, configuration: configuration)
      let request = try await server.accept().shakeHands()
      #expect(try await link.mode == .text)
      #expect(request.line == "GET /hub/ws HTTP/1.1")
      #expect(request.fields["host"] == connector.endpoint.hostHeader)
      #expect(request.fields["upgrade"] == "websocket")
      #expect(request.fields["connection"]?.lowercased() == "upgrade")
      #expect(request.fields["sec-websocket-version"] == "13")
      #expect(request.fields["sec-websocket-key"]?.utf8.count == 24)
      #expect(request.fields["sec-websocket-protocol"] == "notiflux.v1")
    }
  }

  @Test("speaks envelope mode where the server agrees to it")
  func envelopeMode() async throws {
    try await withServer { server, connector, configuration in
      async let link = WebSocketLink.connect(connector, configuration: configuration)
      try await server.accept().shakeHands(.envelope)
      #expect(try await link.mode == .envelope)
    }
  }

  @Test("offers no subprotocol when text mode is preferred, and then accepts none")
  func prefersTextMode() async throws {
    try await withServer { server, connector, configuration in
      var preferring = configuration
      preferring.prefersTextMode = true
      let settings = preferring
      let connecting = Task { try await WebSocketLink.connect(connector, configuration: settings) }
      let request = try await server.accept().shakeHands(.envelope)
      #expect(request.fields["sec-websocket-protocol"] == nil)
      await #expect(throws: HandshakeFailure.self) { try await connecting.value }
    }
  }

  @Test("passes on a refusal of the handshake", arguments: [(401, "token_missing"), (404, "not_found")])
  func refused(status: Int, code: String) async throws {
    let failure = try await failure(on: answer("\(status) No", #"{"error":"why not","code":"\#(code)"}"#))
    let refusal = Refusal(try #require(ErrorCode(rawValue: code)), "why not")
    #expect(failure == HandshakeFailure(error: .refused(refusal, status: status)))
  }

  @Test("passes on Retry-After")
  func retryAfter() async throws {
    let body = #"{"error":"going down","code":"draining"}"#
    let failure = try await failure(on: answer("503 Service Unavailable", body, "Retry-After: 7"))
    let error = ClientError.refused(Refusal(.draining, "going down"), status: 503)
    #expect(failure == HandshakeFailure(error: error, retryAfter: .seconds(7)))
  }

  @Test("says what a stranger answered")
  func stranger() async throws {
    for (status, body, field, snippet) in [
      (200, "<h1>Welcome</h1>", "Content-Type: text/html", ""), (404, "no\nway", "Server: other", "no way"),
      (301, "<h1>Moved</h1>", "Location: https://h/ws", "https://h/ws"),
    ] {
      let failure = try await failure(on: answer("\(status) Some Reason", body, field))
      guard case .unexpectedAnswer(_, status, snippet)? = failure?.error else {
        Issue.record("\(String(describing: failure))")
        continue
      }
    }
  }

  @Test(
    "refuses an answer that is not a WebSocket's",
    arguments: [
      switchingProtocols(accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="),
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    ])
  func wrongAnswer(answer: String) async throws {
    let failure = try await failure(on: answer)
    guard case .unexpectedAnswer(_, 101, _)? = failure?.error else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test(
    "refuses an extension or a subprotocol it did not offer",
    arguments: ["Extensions: foo", "Protocol: bar", "Protocol: notiflux.v1, bar"])
  func unofferedExtension(field: String) async throws {
    try await withServer { server, connector, configuration in
      let connecting = Task { try await WebSocketLink.connect(connector, configuration: configuration) }
      let connection = try await server.accept()
      let key = try await connection.readRequest().fields["sec-websocket-key"] ?? ""
      try await connection.write(switchingProtocols(accept: acceptKey(for: key), "Sec-WebSocket-\(field)"))
      await #expect(throws: HandshakeFailure.self) { try await connecting.value }
    }
  }

  @Test("gives up on a handshake that is not answered")
  func silentServer() async throws {
    try await TestServer.run { server in
      var configuration = ClientConfiguration()
      configuration.connectTimeout = .milliseconds(20)
      let connector = Connector(
        endpoint: try server.endpoint(), eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
        configuration: configuration)
      let failure = await #expect(throws: HandshakeFailure.self) {
        try await WebSocketLink.connect(connector, configuration: configuration)
      }
      guard case .timedOut? = failure?.error else {
        Issue.record("\(String(describing: failure))")
        return
      }
    }
  }

  @Test("loses nothing that came with the handshake's answer")
  func firstSegment() async throws {
    var frames = textFrame("one")
    frames.writeImmutableBuffer(textFrame("two"))
    try await withLink(then: frames) { link, connection in
      try await connection.sendClose(.normal)
      #expect(await all(from: link) == [.text("one"), .text("two"), .ended(.closed(.normal, reason: ""))])
    }
  }

  @Test("joins fragments, with a ping in between, and ignores binary messages")
  func fragments() async throws {
    try await withLink { link, connection in
      var bytes = ByteBuffer(bytes: [0x01, 3, 0x61, 0xE2, 0x82])  // "a" and a part of "€"
      bytes.writeImmutableBuffer(FrameEncoder.ping(role: .server, payload: ByteBuffer(string: "p")))
      bytes.writeBytes([0x82, 1, 0x00])
      bytes.moveReaderIndex(to: 0)
      try await connection.write(bytes.getSlice(at: 0, length: 8) ?? ByteBuffer())
      try await connection.write(ByteBuffer(bytes: [0x80, 2, 0xAC, 0x62]))
      #expect(try await connection.readEvent() == .pong(ByteBuffer(string: "p")))
      #expect(await link.nextEvents() == [.text("a€b")])
      try await connection.write(ByteBuffer(bytes: [0x82, 1, 0x00]))
      try await connection.send("after")
      #expect(await link.nextEvents() == [.text("after")])
    }
  }

  @Test("masks what it sends, and hears its pings answered in their place")
  func fence() async throws {
    try await withLink { link, connection in
      link.send([.text("/subscribe a t"), .ping(77)])
      #expect(try await connection.readText() == "/subscribe a t")
      try await connection.send("before")
      try await connection.answerPing()
      try await connection.send("after")
      try await connection.sendClose(.normal)
      let expected: [LinkEvent] = [.text("before"), .pong(77), .text("after"), .ended(.closed(.normal, reason: ""))]
      #expect(await all(from: link) == expected)
    }
  }

  @Test("answers a close with the same code and tells its reason")
  func closedByServer() async throws {
    try await withLink { link, connection in
      try await connection.sendClose(.goingAway, "reconnect in 250 ms")
      #expect(await all(from: link) == [.ended(.closed(.goingAway, reason: "reconnect in 250 ms"))])
      #expect(try await connection.readEvent() == .close(code: .goingAway, reason: ""))
      await #expect(throws: ClientError.self) { try await link.send("too late") }
    }
  }

  @Test("says good-bye with 1000, and when it is dropped")
  func closes() async throws {
    try await withLink { link, connection in
      link.close()
      #expect(try await connection.readEvent() == .close(code: .normal, reason: ""))
      try await connection.sendClose(.normal)
      await connection.readToEnd()
      #expect(await link.nextEvents() == [])
    }
    try await withServer { server, connector, configuration in
      async let connecting: Void = { _ = try await WebSocketLink.connect(connector, configuration: configuration) }()
      let connection = try await server.accept()
      try await connection.shakeHands()
      try await connecting
      #expect(try await connection.readEvent() == .close(code: .normal, reason: ""))
    }
  }

  @Test("tells a lost connection from a closed one")
  func lost() async throws {
    try await withLink { link, connection in
      try await connection.send("last")
      try await connection.close()
      let events = await all(from: link)
      #expect(events.first == .text("last"))
      guard case .ended(.failed(.unreachable))? = events.last else {
        Issue.record("\(events)")
        return
      }
    }
  }

  @Test("tells a server that breaks the protocol which rule it broke")
  func brokenProtocol() async throws {
    try await withLink { link, connection in
      try await connection.write(ByteBuffer(bytes: [0x81, 0x81, 1, 2, 3, 4, 5]))  // Masked.
      guard case .close(.protocolError?, _) = try await connection.readEvent() else {
        Issue.record("no close with 1002")
        return
      }
      guard case .ended(.failed(.unreachable(_, let reason)))? = await all(from: link).first else {
        Issue.record("no failure")
        return
      }
      #expect(reason.contains("masked"))
    }
    try await withLink {
      $0.maximumMessageLength = 10
    } _: { _, connection in
      try await connection.send("12345678901")
      guard case .close(.tooLarge?, _) = try await connection.readEvent() else {
        Issue.record("no close with 1009")
        return
      }
    }
  }

  @Test("gives up a server that fell silent")
  func silence() async throws {
    try await withLink {
      $0.idleTimeout = .milliseconds(30)
    } _: { link, connection in
      let events = await all(from: link)
      guard case .ended(.failed(.timedOut))? = events.first else {
        Issue.record("\(events)")
        return
      }
      await connection.readToEnd()
    }
  }

  @Test("reads no more than its consumer takes")
  func pauses() throws {
    final class Reads: ChannelOutboundHandler {
      typealias OutboundIn = ByteBuffer
      var count = 0
      func read(context: ChannelHandlerContext) { count += 1 }
    }
    let (reads, buffer) = (Reads(), EventBuffer(limit: 1000))
    let frames = FrameHandler(
      endpoint: try Endpoint("http://h"), configuration: ClientConfiguration(), buffer: buffer)
    let channel = EmbeddedChannel(handlers: [reads, frames])
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1), promise: nil)
    channel.read()
    #expect(reads.count == 1)
    try channel.writeInbound(textFrame(String(repeating: "x", count: 1000)))
    channel.read()
    #expect(reads.count == 1)
    frames.resumeReading()
    #expect(reads.count == 2)
    channel.read()
    #expect(reads.count == 3)
    _ = try channel.finish()
  }

  @Test("misses nothing where its consumer lags")
  func backPressure() async throws {
    try await withLink { link, connection in
      let text = String(repeating: "x", count: 100_000)
      async let sending: Void = {
        for number in 0..<400 { try await connection.send("\(number) \(text)") }
        try await connection.sendClose(.normal)
      }()
      // 40 MB, of which a few fit: the rest needs the consumer.
      var numbers: [Int] = []
      for event in await all(from: link) {
        if case .text(let text) = event, let number = Int(text.prefix { $0 != " " }) { numbers.append(number) }
      }
      try await sending
      #expect(numbers == Array(0..<400))
    }
  }
}

@Suite("An event buffer")
struct EventBufferTests {
  @Test("is full at its limit, and says so again when it is emptied")
  func limit() async {
    let buffer = EventBuffer(limit: 200)
    #expect(buffer.append([.text("a")]))
    #expect(!buffer.append([.text(String(repeating: "b", count: 100))]))
    let batch = await buffer.nextBatch()
    #expect(batch.events.count == 2)
    #expect(batch.wasFull)
    #expect(buffer.append([.pong(1)]))
    let next = await buffer.nextBatch()
    #expect(next.events == [.pong(1)])
    #expect(!next.wasFull)
  }

  @Test("lets a waiting consumer go when it is closed or the task cancelled")
  func closes() async {
    let closed = EventBuffer(limit: 200)
    async let batch = closed.nextBatch()
    closed.close()
    #expect(await batch.events.isEmpty)
    let cancelled = EventBuffer(limit: 200)
    let waiting = Task { await cancelled.nextBatch().events }
    waiting.cancel()
    #expect(await waiting.value.isEmpty)
    #expect(cancelled.append([.text(String(repeating: "x", count: 1000))]), "what nobody reads is dropped")
    #expect(await cancelled.nextBatch().events.isEmpty)
  }
}
