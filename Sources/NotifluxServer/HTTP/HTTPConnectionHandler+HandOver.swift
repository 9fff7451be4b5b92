import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// How a connection leaves HTTP: for a WebSocket session, or for a stream of events.
extension HTTPConnectionHandler {
  func upgrade(
    _ future: EventLoopFuture<HTTPHeaders>, _ mode: SessionMachine.Mode, context: ChannelHandlerContext
  ) {
    future.assumeIsolated().whenComplete { result in
      guard let context = self.context, case .responding(let head) = self.state else { return }
      guard case .success(let headers) = result else {
        let failure = HTTPFailure(.badRequest, "the WebSocket handshake is not one by RFC 6455 §4.2.1", closes: true)
        return self.respond(failure.response, to: head, context: context)
      }
      let head101 = HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: headers)
      context.write(self.wrapOutboundOut(.head(head101)), promise: nil)
      context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
      self.leave(to: SessionHandler(worker: self.worker, mode: mode), context: context)
    }
  }

  /// The stream ends with the connection (RFC 9112 §6.3), so that all streams can share the bytes of an event.
  func stream(_ events: EventsRequest, context: ChannelHandlerContext) {
    guard case .responding(let head) = state else { return }
    let fields = EventsEndpoint.head(of: events.stream).fields(to: head, closes: true, worker: worker)
    let lines = fields.map { "\($0.name): \($0.value)\r\n" }.joined()
    let text = "HTTP/1.1 200 OK\r\n\(lines)\r\n"
    leave(to: EventStreamHandler(worker: worker, head: Array(text.utf8), request: events), context: context)
  }

  func leave(to handler: any ChannelHandler, context: ChannelHandlerContext) {
    let channel = context.channel
    state = .upgraded
    backlog.removeAll()
    do {
      try handOver(context, handler)
      if owesRead { channel.read() }
    } catch {
      channel.close(promise: nil)
    }
  }
}
