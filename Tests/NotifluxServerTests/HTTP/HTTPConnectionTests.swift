import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

@Suite struct HTTPConnectionTests {
  private let fixture: HTTPFixture
  private var wire: RecordingTransport { fixture.wire }

  init() throws { fixture = try HTTPFixture() }

  @Test("a publish is answered in one piece, and reading never pauses for it")
  func answer() throws {
    let token = try fixture.token()
    for number in 1...2 {
      fixture.receive(fixture.publish("m", token: token))
      #expect(wire.written.isEmpty, "it is not delivered yet")
      fixture.settle()
      let answer =
        "HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 1970 00:16:40 GMT\r\ncontent-type: application/json\r\n"
        + "content-length: 16\r\n\r\n{\"cursor\":\"e:\(number)\"}"
      #expect(wire.text == answer)
      #expect(wire.events.isEmpty)
      wire.reset()
    }
  }

  @Test("a request that comes again on a connection is answered like the first time, whatever it asks for")
  func again() throws {
    let token = try fixture.token()
    let lines = #"{"topic":"t","message":"m","token":"\#(token)"}"#
    for text in [
      fixture.publish("m", token: token), fixture.publish("m", token: "none"), fixture.post("{}"), fixture.post("{"),
      fixture.post("", fields: "Expect: 100-continue\r\n"), fixture.post("{}", fields: "Content-Type: text/plain\r\n"),
      fixture.post(lines, fields: "Content-Type: application/x-ndjson\r\n"),
      fixture.publish("m", token: token).replacing("HTTP/1.1\r\n", with: "HTTP/1.0\r\nConnection: keep-alive\r\n"),
      HTTPFixture.health, HTTPFixture.health.replacing("GET", with: "HEAD"),
      HTTPFixture.health.replacing("GET", with: "OPTIONS"), HTTPFixture.health.replacing("health", with: "nothing"),
      HTTPFixture.health.replacing("GET", with: "PUT"), HTTPFixture.health.replacing("/health", with: "/ws"),
    ] {
      fixture.reconnect()
      var answers: [String] = []
      for _ in 0..<3 {
        fixture.receive(text)
        fixture.settle()
        answers.append(wire.text.replacing(/e:\d+/, with: "e:N").replacing(/length: \d+/, with: "length: N"))
        wire.reset()
      }
      #expect(!answers[0].isEmpty && answers == Array(repeating: answers[0], count: 3), "\(text)")
    }
  }

  @Test("what is known of a request does not colour the refusal of the next one")
  func refusalAfterHead() {
    fixture.receive(HTTPFixture.health.replacing("GET", with: "HEAD"))
    #expect(fixture.answers == ["200 "])
    wire.reset()
    fixture.receive("GET /a b HTTP/1.1\r\n\r\n")
    #expect(fixture.answers.count == 1 && fixture.answers[0].hasPrefix(#"400 {"error":"#))
  }

  @Test("a batch without a line ends once its client reads")
  func emptyBatch() {
    wire.isNarrow = true
    fixture.receive(fixture.post("", fields: "Content-Type: application/x-ndjson\r\n"))
    fixture.settle()
    #expect(wire.text.hasSuffix("chunked\r\n\r\n"))
    wire.isWritable = true
    wire.connection?.becameWritable()
    #expect(wire.text.hasSuffix("0\r\n\r\n"))
  }

  @Test("with the server draining, a publish under way is answered, and that is the last")
  func lastAnswer() throws {
    fixture.receive(fixture.publish("m", token: try fixture.token()))
    fixture.worker.drain(schedule: DrainSchedule(over: .seconds(1), clients: 1), firstIndex: 0)
    fixture.settle()
    #expect(fixture.answers == [#"200 {"cursor":"e:1"}"#])
    #expect(wire.text.contains("\r\nconnection: close\r\n") && wire.events == ["end"])
  }

  @Test("however a request is cut, it gets the same answer")
  func pieces() throws {
    let token = try fixture.token()
    let chunked =
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
      + HTTPFixture.health
    for (text, answers) in [
      (fixture.publish("m", token: token) + HTTPFixture.health, [#"200 {"cursor":"e:N"}"#, #"200 {"status":"ok"}"#]),
      (
        chunked,
        [
          #"400 {"error":"\"topic\" is missing; name the topic to publish to","code":"bad_request"}"#,
          #"200 {"status":"ok"}"#,
        ]
      ),
    ] {
      for size in [1, 2, 7, 40, 1000] {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
          fixture.receive(Array(rest.prefix(size)))
          rest = rest.dropFirst(size)
        }
        fixture.settle()
        #expect(fixture.answers.map { $0.replacing(/e:\d+/, with: "e:N") } == answers)
        #expect(wire.events.filter { $0 == "pause" }.count == wire.events.filter { $0 == "resume" }.count)
        fixture.reconnect()
      }
    }
  }

  @Test("requests in one read are answered in their order; reading pauses only for what comes meanwhile")
  func pipelining() throws {
    let token = try fixture.token()
    fixture.receive(fixture.publish("1", token: token) + HTTPFixture.health + fixture.publish("2", token: token))
    #expect(wire.events == [])
    fixture.receive(HTTPFixture.health)
    fixture.receive(fixture.publish("3", token: token))
    #expect(wire.events == ["pause"])
    fixture.settle()
    #expect(
      fixture.answers == [
        #"200 {"cursor":"e:1"}"#, #"200 {"status":"ok"}"#, #"200 {"cursor":"e:2"}"#, #"200 {"status":"ok"}"#,
        #"200 {"cursor":"e:3"}"#,
      ])
    #expect(wire.events == ["pause", "resume"])
  }

  @Test("what cannot be understood is refused after what came before it, and the rest is thrown away")
  func malformed() throws {
    fixture.receive(HTTPFixture.health + "GET /a b HTTP/1.1\r\n\r\n" + HTTPFixture.health)
    fixture.receive(HTTPFixture.health)
    #expect(fixture.answers.map { $0.prefix(3) } == ["200", "400"])
    #expect(wire.text.contains("\r\nconnection: close\r\n"))
    #expect(wire.events == ["end"])
    wire.connection?.inputEnded()
    #expect(wire.events == ["end", "close"])
    #expect(fixture.worker.connectionCount == 0)
  }

  // MARK: The peer ends

  @Test("what cannot be understood is a request of its connection too, for the log")
  func numbers() throws {
    let fixture = try HTTPFixture()
    let connection = try #require(fixture.wire.connection)
    for (text, number) in [(HTTPFixture.health, "1"), (HTTPFixture.health, "2"), ("nonsense\r\n\r\n", "3")] {
      fixture.receive(text)
      #expect(connection.logData[LogKey.request] == "\(number)")
    }
  }

  @Test("a client that has said everything is still answered, and then closed")
  func halfClose() throws {
    let token = try fixture.token()
    fixture.receive(fixture.publish("1", token: token) + fixture.publish("2", token: token))
    wire.connection?.inputEnded()
    #expect(wire.events == [])
    fixture.settle()
    #expect(fixture.answers == [#"200 {"cursor":"e:1"}"#, #"200 {"cursor":"e:2"}"#])
    #expect(wire.events == ["close"])
  }

  @Test("a client that leaves between requests or inside one is closed without a word")
  func leaves() {
    for text in [
      "", "GET / HT", HTTPFixture.health, "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    ] {
      fixture.receive(text)
      let before = wire.written
      wire.connection?.inputEnded()
      #expect(wire.written == before && wire.events == ["close"])
      fixture.reconnect()
    }
  }

  @Test("an answer that comes when the client has gone goes nowhere")
  func gone() throws {
    let events =
      "GET /events?topic=t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(try fixture.token(.subscribe))\r\n\r\n"
    for text in [fixture.publish("m", token: try fixture.token()), events] {
      fixture.receive(text)
      wire.close()
      fixture.settle()
      #expect(wire.written.isEmpty && wire.events == ["close"])
      #expect(fixture.worker.connectionCount == 0)
      fixture.reconnect()
    }
  }

  // MARK: Bodies

  @Test("100 Continue is said only to who waits for it")
  func expectation() throws {
    let body = fixture.publish("m", token: try fixture.token())
    let text = body.replacing("Host: x\r\n", with: "Host: x\r\nExpect: 100-continue\r\n")
    let head = try #require(text.firstRange(of: "\r\n\r\n")).upperBound
    fixture.receive(String(text[..<head]))
    #expect(wire.text == "HTTP/1.1 100 Continue\r\n\r\n")
    fixture.receive(String(text[head...]))
    fixture.settle()
    #expect(fixture.answers.last == #"200 {"cursor":"e:1"}"#)
    wire.reset()
    fixture.receive(text)
    fixture.settle()
    #expect(fixture.answers == [#"200 {"cursor":"e:2"}"#])
  }

  @Test("a body over the limit is refused as soon as that is known")
  func tooLarge() throws {
    let fixture = try HTTPFixture { $0.maximumMessageSize = 10 }
    fixture.receive(fixture.post("12345678901"))
    #expect(fixture.answers.map { $0.prefix(3) } == ["413"])
    fixture.reconnect()
    fixture.receive(
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n5\r\n12345")
    #expect(fixture.answers.map { $0.prefix(3) } == ["413"])
    fixture.reconnect()
    fixture.receive("POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234")
    fixture.receive("567890")
    #expect(fixture.answers.map { $0.prefix(3) } == ["400"])
    #expect(fixture.wire.events == [])
  }

  @Test("a body that is refused is read to its end first, and the connection goes on")
  func unwantedBody() {
    fixture.receive("POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
    #expect(wire.written.isEmpty)
    fixture.receive("67890" + HTTPFixture.health)
    #expect(fixture.answers.map { $0.prefix(3) } == ["404", "200"])
  }

  // MARK: Time

  @Test("a request that is being answered may take its time; then the connection may be idle for a while")
  func deadlines() throws {
    fixture.receive(fixture.publish("m", token: try fixture.token()))
    for _ in 0..<200 { fixture.worker.tick() }
    fixture.settle()
    #expect(fixture.answers == [#"200 {"cursor":"e:1"}"#])
    for _ in 0..<Limits.keepAliveTimeout - 1 { fixture.worker.tick() }
    #expect(wire.events == [])
    fixture.worker.tick()
    #expect(wire.events == ["close"])
  }

  @Test("a head that has begun gets the time of a head, on a kept-alive connection too; bytes do not put it off")
  func slowHead() {
    fixture.receive(HTTPFixture.health)
    for _ in 0..<30 { fixture.worker.tick() }
    fixture.receive("GET /health HTTP/1.1\r\n")
    for _ in 0..<Limits.requestHeadTimeout - 1 {
      fixture.worker.tick()
      fixture.receive("X: y\r\n")
    }
    #expect(fixture.answers.map { $0.prefix(3) } == ["200"])
    fixture.worker.tick()
    #expect(fixture.answers.map { $0.prefix(3) } == ["200", "408"])
  }

  @Test("who does not read the answers is asked nothing more, and who has said everything gets the rest")
  func unread() {
    wire.isWritable = false
    fixture.receive(HTTPFixture.health + HTTPFixture.health)
    #expect(fixture.answers.isEmpty)
    fixture.receive(HTTPFixture.health)
    #expect(wire.events == ["pause"])
    wire.isWritable = true
    wire.connection?.becameWritable()
    #expect(fixture.answers.count == 3 && wire.events == ["pause", "resume"])
    wire.unsentBytes = 1
    wire.connection?.inputEnded()
    #expect(wire.events == ["pause", "resume", "end"])
    for _ in 0..<Limits.closeTimeout { fixture.worker.tick() }
    #expect(wire.events == ["pause", "resume", "end", "close"])
  }

  @Test("a drain closes who is idle, and gives the last answer to who is not")
  func drain() throws {
    fixture.worker.drain(schedule: DrainSchedule(over: .seconds(1), clients: 1), firstIndex: 0)
    #expect(wire.events == ["close"])
    let other = try HTTPFixture()
    other.receive(other.publish("m", token: try other.token()) + HTTPFixture.health)
    other.worker.drain(schedule: DrainSchedule(over: .seconds(1), clients: 1), firstIndex: 0)
    other.settle()
    #expect(other.answers == [#"200 {"cursor":"e:1"}"#])
    #expect(other.wire.text.contains("connection: close") && other.wire.events == ["end"])
  }

  // MARK: Leaving HTTP

  private let upgrade =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

  @Test("a WebSocket handshake is answered as RFC 6455 has it, and what follows it reaches the session")
  func webSocket() {
    let frame = FrameEncoder.maskedText("/nonsense")
    fixture.receive(Array("\(upgrade)\r\n".utf8) + frame.readableBytesView)
    fixture.settle()
    let head =
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
      + "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
    #expect(wire.text.hasPrefix(head) && wire.text.hasSuffix("Unknown command"))
    #expect(wire.connection is SessionConnection)
  }

  @Test("the subprotocol is agreed on if it is among those offered, in exactly its case")
  func subprotocol() {
    fixture.receive("\(upgrade)Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: a , notiflux.v1\r\n\r\n")
    #expect(wire.text.contains("\r\nsec-websocket-protocol: notiflux.v1\r\n\r\n"))
    #expect(wire.text.contains(#"{"type":"welcome""#))
    fixture.reconnect()
    fixture.receive("\(upgrade)Sec-WebSocket-Protocol: Notiflux.v1\r\n\r\n")
    #expect(wire.text.hasPrefix("HTTP/1.1 101 ") && !wire.text.contains("sec-websocket-protocol"))
  }

  @Test("a handshake that is none is refused, and the connection stays HTTP")
  func badHandshake() {
    for (from, to, status) in [
      ("websocket\r\n", "h2c\r\n", "426"), ("keep-alive, Upgrade", "keep-alive", "426"), ("13", "12", "426"),
      ("13", "13\r\nSec-WebSocket-Version: 13", "426"), ("ZQ==", "Z===", "400"), ("ZQ==", "ZR==", "400"),
      ("ZQ==", "ZQ==\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "400"),
    ] {
      fixture.receive("\(upgrade.replacing(from, with: to))\r\n" + HTTPFixture.health)
      #expect(fixture.answers.map { $0.prefix(3) } == [status[...], "200"], "\(to)")
      wire.reset()
    }
  }

  @Test("a stream begins once its token is verified; what came meanwhile is not taken for a request")
  func stream() throws {
    let token = try fixture.token(.subscribe)
    fixture.receive("GET /events?topic=t&token=\(token) HTTP/1.1\r\nHost: x\r\n\r\n")
    fixture.receive(HTTPFixture.health)
    #expect(wire.written.isEmpty && wire.events == ["pause"])
    fixture.settle()
    #expect(wire.text.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(wire.text.contains("content-type: text/event-stream\r\n"))
    #expect(wire.text.contains("\r\n\r\nretry: 3000\n\nid: e:0\nevent: subscribed\n"))
    #expect(!wire.text.contains("content-length"))
    #expect(fixture.answers.count == 1 && wire.events == ["pause", "resume"])
    #expect(wire.connection is EventStreamConnection)
  }

  @Test("a stream whose token is refused is none, and the connection goes on")
  func refusedStream() throws {
    let token = try fixture.token(.subscribe, life: -1)
    fixture.receive("GET /events?topic=t&token=\(token) HTTP/1.1\r\nHost: x\r\n\r\n" + HTTPFixture.health)
    fixture.settle()
    #expect(fixture.answers.map { $0.prefix(3) } == ["401", "200"])
  }
}
