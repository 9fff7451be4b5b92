import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

/// A session without a socket, on a loop that turns only when it is told to.
@Suite struct SessionConnectionTests {
  private func frame(_ bytes: ByteBuffer) -> [UInt8] { Array(bytes.readableBytesView) }

  @Test("a session that is closed while its token is checked still reads its peer's close, and ends with it")
  func closedDuringCheck() throws {
    let fixture = try HTTPFixture()
    let session = SessionConnection(worker: fixture.worker, form: .text)
    session.takeOver(fixture.wire)
    let command = "/subscribe t \(try fixture.token(.subscribe))"
    fixture.receive(frame(FrameEncoder.maskedText(command)))
    #expect(fixture.wire.events == ["pause"])
    session.drain(reconnectIn: 0)
    let answered = fixture.wire.written
    #expect(answered == frame(FrameEncoder.close(role: .server, code: .goingAway, reason: "reconnect in 0 ms")))
    fixture.settle()
    #expect(fixture.wire.events == ["pause", "resume"])
    #expect(fixture.wire.written == answered, "a closed session says nothing more")
    #expect(session.holdings.count == 0)
    fixture.receive(frame(FrameEncoder.close(role: .client, code: .goingAway, reason: "")))
    #expect(fixture.wire.events.last == "close" || fixture.wire.events.last == "end")
  }
}
