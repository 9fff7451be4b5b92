import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

/// What becomes of those who have subscribed with a token that is revoked then.
@Suite struct RevokedSubscriptionTests {
  private let fixture: HTTPFixture

  init() throws { fixture = try HTTPFixture { $0.history.messagesPerTopic = 10 } }

  private func frame(_ bytes: ByteBuffer) -> [UInt8] { Array(bytes.readableBytesView) }

  private let goodbye = Array(
    FrameEncoder.close(
      role: .server, code: .unauthorized, reason: "token was revoked; ask whoever made it for a new one"
    ).readableBytesView)

  /// A client whose messages go to `wire`.
  private func session(_ form: WireForm = .text, on wire: RecordingTransport) -> SessionConnection {
    let session = SessionConnection(worker: fixture.worker, form: form)
    session.takeOver(wire)
    return session
  }

  private func say(_ text: String, on wire: RecordingTransport) {
    frame(FrameEncoder.maskedText(text)).withUnsafeBytes { wire.connection?.received($0) }
    fixture.settle()
  }

  private func subscribe(_ topic: String = "t", id: String?, on wire: RecordingTransport) throws {
    say("/subscribe \(topic) \(try fixture.token(.subscribe, topic, id: id))", on: wire)
  }

  @Test("who has subscribed with it is told so and closed; all others stay")
  func closes() throws {
    let wires = try ["a", "b", nil].map { id in
      let wire = RecordingTransport()
      _ = session(on: wire)
      try subscribe(id: id, on: wire)
      return wire
    }
    try fixture.revoke("a")
    #expect(wires.map(\.written) == [goodbye, [], []])
    #expect(fixture.worker.hub.table.subscriptionCount == 2)
    #expect(fixture.worker.counters.connectionsClosed[.revoked] == 1)
    try fixture.revoke("a", "b")
    #expect(wires.map(\.written) == [goodbye, goodbye, []])
    #expect(fixture.worker.counters.connectionsClosed[.revoked] == 2, "one that is closing is not closed again")
  }

  @Test("one of several topics is enough, and one that was left before is not")
  func topics() throws {
    let session = session(on: fixture.wire)
    for topic in ["a", "b", "c"] { try subscribe(topic, id: topic, on: fixture.wire) }
    say("/unsubscribe a", on: fixture.wire)
    try fixture.revoke("a")
    #expect(fixture.wire.written == [])
    try fixture.revoke("a", "c")
    #expect(fixture.wire.written == goodbye)
    #expect(session.holdings.count == 0)
  }

  @Test("of the tokens that opened a topic the last one counts")
  func renewed() throws {
    _ = session(on: fixture.wire)
    for id in ["old", "new"] { try subscribe(id: id, on: fixture.wire) }
    try fixture.revoke("old")
    #expect(fixture.wire.written == [])
    try fixture.revoke("new")
    #expect(fixture.wire.written == goodbye)
  }

  @Test("a topic that still reads from the log is as good as one that is live")
  func replaying() throws {
    for text in ["1", "2", "3"] { fixture.receive(fixture.publish(text, token: try fixture.token())) }
    fixture.settle()
    let wire = RecordingTransport()
    let session = session(.envelope, on: wire)
    wire.isWritable = false
    let token = try fixture.token(.subscribe, id: "a")
    say(#"{"type":"subscribe","topic":"t","since":"e:1","token":"\#(token)"}"#, on: wire)
    #expect(wire.text.contains(#""type":"subscribed""#) && session.holdings.count == 0)
    try fixture.revoke("a")
    #expect(wire.written.suffix(goodbye.count) == goodbye[...])
  }

  @Test("one whose verdict is on its way is refused")
  func underWay() throws {
    let session = session(on: fixture.wire)
    let command = "/subscribe t \(try fixture.token(.subscribe, id: "a"))"
    fixture.receive(frame(FrameEncoder.maskedText(command)))
    #expect(fixture.worker.services.authorizer.cachedTokens == 1, "its signature was checked")
    try fixture.revoke("a")
    fixture.settle()
    #expect(fixture.wire.text.contains("Not allowed to subscribe to t: token was revoked"))
    #expect(session.holdings.count == 0)
  }

  @Test("a stream of events ends")
  func stream() throws {
    let token = try fixture.token(.subscribe, id: "a")
    fixture.receive("GET /events?topic=t HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer \(token)\r\n\r\n")
    fixture.settle()
    #expect(fixture.wire.text.hasSuffix("\n\n") && fixture.wire.events.last != "end")
    try fixture.revoke("a")
    #expect(fixture.wire.events.last == "end")
  }

  @Test("however many there are, each is found, some in each turn")
  func many() throws {
    let token = try fixture.token(.subscribe, id: "a")
    let wires = (0..<3000).map { _ in
      let wire = RecordingTransport()
      _ = session(on: wire)
      frame(FrameEncoder.maskedText("/subscribe t \(token)")).withUnsafeBytes { wire.connection?.received($0) }
      return wire
    }
    fixture.settle()
    #expect(fixture.worker.hub.table.subscriptionCount == 3000)
    try fixture.revoke("a")
    #expect(fixture.worker.hub.table.subscriptionCount > 0, "the loop is not held up for all of them")
    fixture.settle()
    #expect(wires.allSatisfy { $0.written == goodbye })
  }
}
