import NIOCore
import NotifluxProtocol

/// A publish of many lines: published as they come, answered meanwhile.
extension HTTPConnection {
  func beginBatch() {
    guard let head = request else { return }
    var response = HTTPResponse(status: .ok, body: .stream, contentType: EventStream.ndjson.rawValue)
    if Self.isChunked(head) { response.fields = [("transfer-encoding", "chunked")] }
    worker.counters.answered(Counters.Answer(route: .broadcast, status: .ok))
    transport?.write(encode(response, to: head, closes: Self.isLast(head)))
    transport?.flush()
    let batch = BatchRun(connection: self, bearer: head.bearer) { [weak self] lines, isLast in
      self?.sendAnswers(lines, isLast: isLast)
    }
    state = .batching(batch)
  }

  /// HTTP/1.0 does not know chunks: there the end of the connection is that of the answers (RFC 9112 §6.3).
  private static func isChunked(_ head: RequestHead) -> Bool { head.minorVersion >= 1 }

  private static func isLast(_ head: RequestHead) -> Bool { !head.isKeepAlive || !isChunked(head) }

  private func sendAnswers(_ lines: [UInt8], isLast: Bool) {
    guard let transport, case .batching = state, let head = request else { return }
    var buffer = ByteBufferAllocator().buffer(capacity: lines.count + 24)
    if !Self.isChunked(head) {
      buffer.writeBytes(lines)
    } else {
      if !lines.isEmpty {
        buffer.writeString("\(String(lines.count, radix: 16))\r\n")
        buffer.writeBytes(lines)
        buffer.writeStaticString("\r\n")
      }
      if isLast { buffer.writeStaticString("0\r\n\r\n") }
    }
    transport.write(buffer)
    transport.flush()
    lobbyPlace.wasUsed = true
    if isLast {
      if worker.isDraining || Self.isLast(head) { linger() } else { becomeIdle() }
    }
    // In a turn of its own: the batch may be in the middle of its work.
    worker.loop.executeIsolated { self.goOn() }
  }
}
