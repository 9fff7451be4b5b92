import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct BatchTests {
  private let fixture: HTTPFixture
  private var wire: RecordingTransport { fixture.wire }

  init() throws { fixture = try HTTPFixture() }

  private let head =
    "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"

  private func chunk(_ text: String) -> String { "\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n" }

  private func line(_ message: String, _ token: String) -> String {
    #"{"topic":"t","message":"\#(message)","token":"\#(token)"}"# + "\n"
  }

  /// The lines of the answer, its chunks put together.
  private func lines(_ text: String) -> [String] {
    text.split(separator: "\r\n\r\n", maxSplits: 1).last.map { body in
      body.split(separator: "\r\n").filter { $0.contains("{") }.joined().split(separator: "\n").map(String.init)
    } ?? []
  }

  @Test("a line whose token is being verified holds back those after it: they are published in their order")
  func order() throws {
    let known = try fixture.token(life: 1)
    fixture.receive(fixture.publish("0", token: known))
    fixture.settle()
    wire.reset()
    let fresh = try fixture.token(life: 2)
    let body = line("1", known) + line("2", fresh) + line("3", known) + "\n" + line("4", "none") + line("5", known)
    fixture.receive(head + chunk(body) + "0\r\n\r\n")
    fixture.settle()
    let answers = lines(wire.text)
    #expect(answers.count == 5)
    #expect([0, 1, 2, 4].map { answers[$0] } == (2...5).map { #"{"cursor":"e:\#($0)"}"# })
    #expect(answers[3].contains("token_malformed"))
    var replay = fixture.worker.services.hub.openReplay(of: [try Topic("t")], since: try Cursor("e:1"))
    let texts = fixture.worker.services.hub.read(&replay).items.compactMap { item in
      if case .message(_, _, let payload) = item { payload.text } else { nil }
    }
    #expect(texts == ["1", "2", "3", "5"])
  }

  @Test("answers are sent in chunks while the body still comes, and the connection goes on after the last")
  func goesOn() throws {
    let token = try fixture.token()
    fixture.receive(head + chunk(line("1", token)))
    fixture.settle()
    #expect(wire.text.hasPrefix("HTTP/1.1 200 OK\r\n") && wire.text.contains("\r\ntransfer-encoding: chunked\r\n"))
    #expect(wire.text.hasSuffix("\r\n\r\n11\r\n{\"cursor\":\"e:1\"}\n\r\n"))
    wire.reset()
    fixture.receive(chunk(line("2", token)) + "0\r\n\r\n" + HTTPFixture.health)
    fixture.settle()
    #expect(wire.text.hasPrefix("11\r\n{\"cursor\":\"e:2\"}\n\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n"))
    #expect(wire.text.hasSuffix(#"{"status":"ok"}"#) && !wire.events.contains("end"))
  }

  @Test("HTTP/1.0, which has no chunks, gets the answers up to the end of the connection")
  func oldClient() throws {
    let body = line("1", try fixture.token())
    let old = "POST /broadcast HTTP/1.0\r\nContent-Type: application/x-ndjson\r\nConnection: keep-alive\r\n"
    fixture.receive("\(old)Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    fixture.settle()
    #expect(wire.text.contains("connection: close\r\n") && !wire.text.contains("transfer-encoding"))
    #expect(wire.text.hasSuffix("\r\n\r\n{\"cursor\":\"e:1\"}\n"))
    #expect(wire.events == ["end"])
  }

  @Test("no more is read than lines may wait for their answers, or than the client takes answers")
  func backPressure() throws {
    let token = try fixture.token()
    fixture.receive(head)
    wire.isWritable = false
    fixture.receive(chunk(line("1", token)))
    #expect(wire.events == ["pause"])
    fixture.settle()
    #expect(lines(wire.text) == [])
    wire.isWritable = true
    wire.connection?.becameWritable()
    fixture.settle()
    #expect(lines(wire.text).count == 1 && wire.events == ["pause", "resume"])
    fixture.receive(chunk((0..<100).map { line("\($0)", token) }.joined()))
    fixture.receive(chunk((0..<100).map { line("\($0)", token) }.joined()) + "0\r\n\r\n")
    #expect(wire.events == ["pause", "resume", "pause"])
    fixture.settle()
    #expect(lines(wire.text).count == 201 && wire.events == ["pause", "resume", "pause", "resume"])
    #expect(wire.text.hasSuffix("\r\n0\r\n\r\n"))
  }

  @Test(
    "a client that has sent all lines and says no more gets all answers; one that stops inside the body gets no more")
  func halfClose() throws {
    let token = try fixture.token()
    fixture.receive(head + chunk(line("1", token)) + "0\r\n\r\n")
    wire.connection?.inputEnded()
    fixture.settle()
    #expect(lines(wire.text).count == 1 && wire.text.hasSuffix("0\r\n\r\n") && wire.events == ["close"])
    fixture.reconnect()
    fixture.receive(head + "5\r\n{\"a")
    wire.connection?.inputEnded()
    #expect(wire.events == ["close"])
  }

  @Test("a body that breaks off its framing ends the connection without a last chunk")
  func badChunk() throws {
    fixture.receive(head + chunk(line("1", try fixture.token())) + "zz\r\n")
    fixture.settle()
    #expect(wire.events == ["close"] && !wire.text.hasSuffix("0\r\n\r\n"))
  }
}
