import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// How a connection answers, and what becomes of it then.
extension HTTPConnectionHandler {
  func refuse(_ failure: HTTPFailure, context: ChannelHandlerContext) {
    let head: HTTPRequestHead
    if case .receiving(let request, _) = state {
      head = request.head
    } else {
      head = .init(version: .http1_1, method: .GET, uri: "/")
    }
    var failure = failure
    failure.closesConnection = true
    respond(failure.response, to: head, context: context)
  }

  func respond(_ response: HTTPResponse, to head: HTTPRequestHead, context: ChannelHandlerContext) {
    var wasCut = false
    if case .lingering = state { wasCut = true }
    let closes = response.closesConnection || wasCut || worker.isDraining || !head.isKeepAlive
    writeHead(response, to: head, closes: closes, context: context)
    if head.method != .HEAD && !response.body.isEmpty {
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: response.body)))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    if closes { linger(context) } else { becomeIdle(context) }
  }

  func writeHead(
    _ response: HTTPResponse, to request: HTTPRequestHead, closes: Bool, context: ChannelHandlerContext
  ) {
    let headers = response.fields(to: request, closes: closes, worker: worker)
    let head = HTTPResponseHead(version: .http1_1, status: response.status, headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
  }

  func becomeIdle(_ context: ChannelHandlerContext) {
    state = .idle
    worker.schedule(self, at: worker.now + Limits.keepAliveTimeout)
    guard owesRead else { return }
    owesRead = false
    context.read()
  }

  func linger(_ context: ChannelHandlerContext) {
    state = .lingering
    backlog.removeAll()
    worker.schedule(self, at: worker.now + Limits.closeTimeout)
    context.close(mode: .output, promise: nil)
    guard owesRead else { return }
    owesRead = false
    context.read()
  }
}
