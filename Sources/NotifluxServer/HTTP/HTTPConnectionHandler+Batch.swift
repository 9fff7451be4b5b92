import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// A publish of many lines: published as they come, answered meanwhile.
extension HTTPConnectionHandler {
  func beginBatch(_ request: HTTPRequest, context: ChannelHandlerContext) {
    var response = HTTPResponse(status: .ok, contentType: EventStream.ndjson.rawValue)
    response.closesConnection = !request.head.isKeepAlive
    writeHead(response, to: request.head, closes: response.closesConnection, context: context)
    context.flush()
    let batch = BatchRun(worker: worker, bearerToken: request.bearerToken) { [weak self] lines, isLast in
      self?.sendAnswers(lines, isLast: isLast)
    }
    state = .batching(batch, request.head)
  }

  func sendAnswers(_ lines: [UInt8], isLast: Bool) {
    guard let context, case .batching(_, let head) = state else { return }
    if !lines.isEmpty {
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: lines)))), promise: nil)
    }
    if isLast {
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      if worker.isDraining || !head.isKeepAlive { linger(context) } else { becomeIdle(context) }
    }
    resume(context)
  }

  /// Goes on with what had to wait, in a turn of its own: the caller may be in the middle of it.
  func resume(_ context: ChannelHandlerContext) {
    context.eventLoop.assumeIsolated().execute {
      guard let context = self.context else { return }
      self.work(context)
      guard self.owesRead, !self.isBusy else { return }
      self.owesRead = false
      context.read()
    }
  }
}
