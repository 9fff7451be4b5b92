import Testing

@testable import NotifluxServer

@Suite("The lobby")
struct LobbyTests {
  private let fixture: HTTPFixture
  private var worker: Worker { fixture.worker }

  init() throws { fixture = try HTTPFixture { $0.maximumHTTPConnections = 3 } }

  /// One more connection, from a client that sends `text`.
  private func connect(_ text: String = "") -> RecordingTransport {
    let wire = RecordingTransport()
    HTTPConnection(worker: worker).takeOver(wire)
    send(text, to: wire)
    return wire
  }

  private func send(_ text: String, to wire: RecordingTransport) {
    Array(text.utf8).withUnsafeBytes { wire.connection?.received($0) }
  }

  @Test("for one too many, that which came first goes: idle, or in the middle of a head or a body")
  func oldestGoes() {
    let head = connect("GET /health HT")
    let body = connect(fixture.post("xyz").dropLast().description)
    #expect(fixture.wire.connection != nil && worker.lobby.count == 3)
    _ = connect()
    #expect(fixture.wire.connection == nil && head.connection != nil)
    _ = connect()
    #expect(head.connection == nil && body.connection != nil)
    _ = connect()
    #expect(body.connection == nil && worker.lobby.count == 3)
    #expect(worker.counters.limitsReached[.httpConnections] == 3)
  }

  @Test("whoever comes and goes, for one too many that which came first goes")
  func order() {
    var random = SeededGenerator(seed: 9)
    var inside = [fixture.wire]
    for _ in 0..<2000 {
      if Int.random(in: 0..<3, using: &random) < 2 {
        inside.append(connect())
        if inside.count > 3 { #expect(inside.removeFirst().connection == nil) }
      } else if let place = inside.indices.randomElement(using: &random) {
        inside.remove(at: place).close()
      }
      #expect(worker.lobby.count == inside.count && inside.allSatisfy { $0.connection != nil })
    }
  }

  @Test("one that was used of late is spared, until all were")
  func usedIsSpared() {
    fixture.receive(HTTPFixture.health)
    let (second, third) = (connect(), connect(HTTPFixture.health))
    let fourth = connect(HTTPFixture.health)
    #expect(second.connection == nil && fixture.wire.connection != nil)
    #expect(third.connection != nil)
    for wire in [fixture.wire, third, fourth] { send(HTTPFixture.health, to: wire) }
    let fifth = connect()
    #expect([fixture.wire, third, fourth].filter { $0.connection != nil }.count == 2)
    #expect(fifth.connection != nil && worker.lobby.count == 3)
  }

  @Test("nobody goes while being served, and a newcomer is let in nevertheless")
  func servedStay() throws {
    let publish = fixture.publish("m", token: try fixture.token())
    fixture.receive(publish)
    let (second, third) = (connect(publish), connect(publish))
    let newcomer = connect()
    #expect([fixture.wire, second, third, newcomer].allSatisfy { $0.connection != nil })
    #expect(worker.lobby.count == 4)
    fixture.settle()
    #expect([fixture.wire, second, third].allSatisfy { $0.text.hasPrefix("HTTP/1.1 200 ") })
  }

  @Test("once requests are refused, all come to wait for their clients, those that were read with their answers")
  func refusing() throws {
    let token = try fixture.token()
    fixture.receive(fixture.publish("m", token: token))
    let head =
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9999\r\n\r\n"
    let lines = connect(head + #"{"topic":"t","message":"n","token":"\#(try fixture.token(life: 9))"}"# + "\n")
    worker.refuseRequests()
    #expect(!worker.lobby.waitsForClients)
    let late = connect(fixture.publish("late", token: token))
    fixture.settle()
    #expect(worker.lobby.waitsForClients)
    #expect(fixture.wire.text.hasPrefix("HTTP/1.1 200 ") && fixture.wire.events == ["end"])
    #expect(lines.text.contains(#"{"cursor":"e:"#) && lines.connection != nil)
    #expect(late.text.hasPrefix("HTTP/1.1 503 "))
  }

  @Test("a batch that waits for its next line can go, one that waits for its token cannot")
  func batches() throws {
    let head =
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 9999\r\n\r\n"
    fixture.receive(head)
    let line = #"{"topic":"t","message":"m","token":"\#(try fixture.token())"}"#
    let busy = connect(head + line + "\n")
    let third = connect()
    _ = connect()
    #expect(fixture.wire.connection == nil)
    _ = connect()
    #expect(busy.connection != nil && third.connection == nil)
  }

  @Test("a subscription does not count any more, nor does one that has gone")
  func leaving() {
    fixture.receive(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
    #expect(fixture.wire.connection is SessionConnection)
    #expect(worker.lobby.count == 0)
    let wires = (0..<3).map { _ in connect() }
    #expect(worker.lobby.count == 3)
    for wire in [wires[1], wires[2], wires[0]] { wire.close() }
    #expect(worker.lobby.count == 0)
    #expect(fixture.wire.connection != nil && worker.counters.limitsReached[.httpConnections] == 0)
  }
}
