import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

extension TestConnection {
  /// Answers the opening handshake; `then` goes out in the same segment.
  @discardableResult
  func shakeHands(then: ByteBuffer = ByteBuffer()) async throws -> TestRequest {
    let request = try await readRequest()
    let key = request.fields["sec-websocket-key"] ?? ""
    var bytes = ByteBuffer(string: switchingProtocols(accept: acceptKey(for: key)))
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

  func send(_ text: String) async throws { try await write(textFrame(text)) }

  func sendClose(_ code: CloseCode, _ reason: String = "") async throws {
    try await write(FrameEncoder.close(role: .server, code: code, reason: reason))
  }
}

func textFrame(_ text: String) -> ByteBuffer { FrameEncoder.text(text.utf8, allocator: ByteBufferAllocator()) }

func switchingProtocols(accept: String, _ fields: String...) -> String {
  let lines =
    [
      "HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", "Upgrade: websocket",
      "Sec-WebSocket-Accept: \(accept)",
    ]
    + fields
  return lines.joined(separator: "\r\n") + "\r\n\r\n"
}
