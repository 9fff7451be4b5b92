import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

/// Bodies and lines that are read away from the loop: here in a later task of it.
@Suite struct LargeBodyTests {
  private let fixture: HTTPFixture
  private var wire: RecordingTransport { fixture.wire }
  private var memory: RequestMemory { fixture.worker.services.requestMemory }

  init() throws { fixture = try HTTPFixture() }

  /// In a body, more than the loop reads itself.
  private let large = String(repeating: "m", count: Limits.largeMessage)
  /// More than the loop makes the frames of.
  private let long = String(repeating: "m", count: Limits.largeMessage + 1)

  /// In the order in which they were published.
  private func texts(_ fixture: HTTPFixture) throws -> [String] {
    let hub = fixture.worker.services.hub
    var replay = hub.openReplay(of: [try Topic("t")], since: try Cursor("e:0"))
    var texts: [String] = []
    while true {
      let (items, end) = hub.read(&replay)
      for case .message(_, _, let payload) in items { texts.append(payload.text) }
      if end != nil { return texts }
    }
  }

  /// As a socket would bring it, in reads of 64 KiB.
  private func receive(_ text: String) {
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: 65536) { fixture.receive(Array(bytes[start...].prefix(65536))) }
  }

  @Test("a large body is published like any other, however many reads it takes, and nothing of it stays counted")
  func published() throws {
    let token = try fixture.token()
    for length in [large.utf8.count, 65536, 500_000] {
      let message = String(repeating: "m", count: length)
      receive(fixture.publish(message, token: token))
      #expect(wire.written.isEmpty && memory.value >= length, "it is being read, and counts")
      fixture.settle()
      #expect(fixture.answers.map { $0.prefix(3) } == ["200"])
      #expect(try texts(fixture).last == message && memory.value == 0)
      wire.reset()
    }
  }

  @Test("what comes behind a large body waits until that is answered, and is answered then")
  func order() throws {
    let token = try fixture.token()
    receive(fixture.publish(large, token: token) + fixture.publish("next", token: token) + HTTPFixture.health)
    #expect(wire.written.isEmpty)
    fixture.receive(HTTPFixture.health)
    #expect(wire.events == ["pause"])
    fixture.settle()
    #expect(fixture.answers.map { $0.prefix(3) } == ["200", "200", "200", "200"])
    #expect(try texts(fixture) == [large, "next"] && wire.events == ["pause", "resume"])
  }

  @Test("a large body is refused for the same reasons as a small one, and the connection goes on")
  func refused() throws {
    for (body, fields, status) in [
      (#"{"topic":"t","message":"\#(large)"#, "", "400"), (#"{"topic":"t","x":"\#(large)"}"#, "", "400"),
      (#"{"topic":"t","message":"\#(large)"}"#, "", "401"), (large, "Content-Type: text/plain\r\n", "415"),
    ] {
      receive(fixture.post(body, fields: fields) + HTTPFixture.health)
      fixture.settle()
      #expect(fixture.answers.map { $0.prefix(3) } == [status[...], "200"])
      #expect(memory.value == 0)
      wire.reset()
    }
    #expect(try texts(fixture) == [])
  }

  @Test("a large body that means nothing to its route is passed over")
  func otherRoute() {
    receive("GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: \(large.utf8.count + 1)\r\n\r\n\(large)x")
    #expect(fixture.answers.map { $0.prefix(3) } == ["200"])
    #expect(memory.value == 0)
  }

  @Test("a client that leaves while its body is read leaves nothing behind")
  func left() throws {
    receive(fixture.publish(large, token: try fixture.token()))
    wire.close()
    #expect(memory.value > large.utf8.count, "it is still there to be read")
    fixture.settle()
    #expect(memory.value == 0 && wire.written.isEmpty)
    #expect(fixture.worker.connectionCount == 0 && fixture.worker.lobby.count == 0)
  }

  @Test("where there is no memory for a large body it is refused")
  func noMemory() throws {
    #expect(memory.take(memory.limit - 1000))
    receive(fixture.publish(large, token: try fixture.token()))
    fixture.settle()
    #expect(fixture.answers.map { $0.prefix(3) } == ["429"])
    #expect(memory.value == memory.limit - 1000)
  }

  @Test("while the server drains, a large body is refused, but for one that is being read")
  func draining() throws {
    let token = try fixture.token()
    receive(fixture.publish(large, token: token))
    let wire = wire
    fixture.worker.drain(schedule: DrainSchedule(over: .seconds(1), clients: 1), firstIndex: 0)
    fixture.settle()
    #expect(fixture.answers.map { $0.prefix(3) } == ["200"] && wire.events.last == "end")
    fixture.reconnect()
    receive(fixture.publish(large, token: token))
    fixture.settle()
    #expect(fixture.answers.map { $0.prefix(3) } == ["503"])
    #expect(memory.value == 0)
  }

  @Test("a long line of a batch holds back those after it, and counts until it is read")
  func batch() throws {
    let token = try fixture.token()
    let lines = ["1", large, "2", "\(large)3", "4"].map { #"{"topic":"t","message":"\#($0)","token":"\#(token)"}"# }
    let body = (lines + [#"{"x":"\#(large)"}"#]).joined(separator: "\n")
    receive(fixture.post(body, fields: "Content-Type: application/x-ndjson\r\n"))
    #expect(memory.value > large.utf8.count)
    for _ in 0..<20 { fixture.settle() }
    #expect(try texts(fixture) == ["1", large, "2", "\(large)3", "4"])
    #expect(wire.text.hasSuffix("\r\n0\r\n\r\n") && wire.text.contains("bad_request"))
    #expect(memory.value == 0 && wire.text.components(of: "\"cursor\"") == 5)
  }

  @Test("where somebody listens, a long text counts until its bytes are made, and holds back the lines after it")
  func prepared() throws {
    fixture.worker.services.forms.enter(.envelope)
    let token = try fixture.token()
    receive(fixture.publish(long, token: token))
    var turns = 0
    while try texts(fixture) == [] {
      #expect(memory.value > large.utf8.count, "it is read, and its bytes are made")
      fixture.loop.turn()
      turns += 1
      try #require(turns < 20)
    }
    #expect(turns > 2)
    fixture.settle()
    #expect(try texts(fixture) == [long] && memory.value == 0)
    #expect(fixture.answers.map { $0.prefix(3) } == ["200"])
    fixture.reconnect()
    let lines = ["1", long, "2", "\(long)3"].map { #"{"topic":"t","message":"\#($0)","token":"\#(token)"}"# }
    receive(fixture.post(lines.joined(separator: "\n"), fields: "Content-Type: application/x-ndjson\r\n"))
    for _ in 0..<20 { fixture.settle() }
    #expect(try texts(fixture) == [long, "1", long, "2", "\(long)3"])
    #expect(memory.value == 0 && wire.text.components(of: "\"cursor\"") == 4)
  }

  @Test("a client that leaves while its text is prepared has published it, and leaves nothing behind")
  func leftLate() throws {
    fixture.worker.services.forms.enter(.text)
    receive(fixture.publish(long, token: try fixture.token()))
    fixture.loop.turn()
    wire.close()
    fixture.settle()
    #expect(try texts(fixture) == [long] && memory.value == 0)
    #expect(fixture.worker.connectionCount == 0)
  }

  @Test("a long line for which there is no memory is refused, and the batch goes on")
  func batchWithoutMemory() throws {
    let token = try fixture.token()
    let lines = [large, "2"].map { #"{"topic":"t","message":"\#($0)","token":"\#(token)"}"# }
    let post = fixture.post(lines.joined(separator: "\n"), fields: "Content-Type: application/x-ndjson\r\n")
    #expect(memory.take(memory.limit - 1000))
    fixture.receive(post)
    fixture.settle()
    #expect(wire.text.contains("rate_limited") && wire.text.hasSuffix("\r\n0\r\n\r\n"))
    #expect(try texts(fixture) == ["2"] && memory.value == memory.limit - 1000)
  }
}

extension String {
  fileprivate func components(of part: String) -> Int {
    split(separator: part, omittingEmptySubsequences: false).count - 1
  }
}

@Suite("Large bodies, over sockets", .timeLimit(.minutes(5)))
struct LargeBodySocketTests {
  @Test("large messages of many publishers arrive whole, in the order of each, and their memory is given back")
  func delivered() async throws {
    try await TestServer.run { server in
      let subscriber = try await server.webSocket()
      try await subscriber.subscribe("t", try server.token(.subscribe, "t"))
      let message = String(repeating: "é\"", count: 100_000)
      try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<6 { group.addTask { try await server.publish("\(number)\(message)", to: "t") } }
        for try await answer in group { #expect(answer.hasPrefix("HTTP/1.1 200 ")) }
      }
      var numbers: Set<Int> = []
      for _ in 0..<6 {
        guard case .text(let buffer)? = try await subscriber.next() else { throw TestFailure("no message") }
        let text = String(buffer: buffer)
        #expect(text.dropFirst() == message)
        numbers.insert(Int(text.prefix(1)) ?? -1)
      }
      #expect(numbers == Set(0..<6))
      for worker in server.server.workersForTesting {
        #expect(await worker.loop.run { worker.value.services.requestMemory.value } == 0)
      }
    }
  }

  @Test("clients that reset their connections while their bodies are read leave nothing behind, and the server stops")
  func reset() async throws {
    let body = #"{"topic":"t","message":"\#(String(repeating: "\\u00e9", count: 200_000))"}"#
    let request = "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    try await TestServer.run { server in
      for _ in 0..<20 {
        let client = try await server.connect()
        try await client.send(request)
        try await client.reset()
      }
      while server.server.connectionCount > 0 { await Task.yield() }
      // Who comes now is served behind all that is still being read.
      #expect(try await server.publish(String(repeating: "m", count: 100_000), to: "t").hasPrefix("HTTP/1.1 200 "))
      guard let worker = server.server.workersForTesting.first else { throw TestFailure("no worker") }
      while await worker.loop.run({ worker.value.services.requestMemory.value }) != 0 { await Task.yield() }
      for _ in 0..<5 { try await server.connect().send(request) }
    }
  }
}
