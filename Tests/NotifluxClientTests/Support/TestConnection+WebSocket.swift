import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

@testable import NotifluxClient

extension TestConnection {
  /// Answers the opening handshake, in text mode unless told otherwise; `then` goes out in the same segment.
  @discardableResult
  func shakeHands(_ mode: LinkMode = .text, then: ByteBuffer = ByteBuffer()) async throws -> TestRequest {
    let request = try await readRequest()
    let accept = acceptKey(for: request.fields["sec-websocket-key"] ?? "")
    let answer =
      switch mode {
      case .text: switchingProtocols(accept: accept)
      case .envelope: switchingProtocols(accept: accept, "Sec-WebSocket-Protocol: notiflux.v1")
      }
    var bytes = ByteBuffer(string: answer)
    bytes.writeImmutableBuffer(then)
    try await write(bytes)
    return request
  }

  /// The next thing a client says.
  func readEvent() async throws -> WebSocketEvent {
    while true {
      // A decoder of its own for each event: what follows stays in the input.
      let event = try withInput { input -> WebSocketEvent? in
        for length in stride(from: 2, through: input.readableBytes, by: 1) {
          var decoder = FrameDecoder(role: .server, maximumMessageLength: 1 << 20)
          guard let piece = input.getSlice(at: input.readerIndex, length: length) else { continue }
          decoder.feed(piece)
          if let event = try decoder.next() {
            input.moveReaderIndex(forwardBy: length)
            return event
          }
        }
        return nil
      }
      if let event { return event }
      guard await receive() else { throw TestFailure("the connection ended before a frame") }
    }
  }

  func readText() async throws -> String {
    guard case .text(let text) = try await readEvent() else { throw TestFailure("not a text") }
    return String(buffer: text)
  }

  /// Expects a ping, and answers it.
  func answerPing() async throws {
    guard case .ping(let payload) = try await readEvent() else { throw TestFailure("not a ping") }
    try await write(FrameEncoder.pong(role: .server, payload: payload))
  }

  func readEnvelope() async throws -> ClientEnvelope {
    var text = try await readText()
    return try text.withUTF8 { try ClientEnvelope(json: UnsafeRawBufferPointer($0)) }
  }

  func send(_ envelope: ServerEnvelope) async throws { try await send(String(decoding: envelope.json, as: UTF8.self)) }
  func send(_ text: String) async throws { try await write(textFrame(text)) }

  func sendClose(_ code: CloseCode, _ reason: String = "") async throws {
    try await write(FrameEncoder.close(role: .server, code: code, reason: reason))
  }
}

func textFrame(_ text: String) -> ByteBuffer { FrameEncoder.text(text) }

func switchingProtocols(accept: String, _ fields: String...) -> String {
  let lines =
    [
      "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket",
      "Sec-WebSocket-Accept: \(accept)",
    ]
    + fields
  return lines.joined(separator: "\r\n") + "\r\n\r\n"
}
