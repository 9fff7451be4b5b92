import NIOCore
import NotifluxProtocol

/// Tells a connection that is one too many, and closes it. Over TLS it is closed without a word: a handshake would cost
/// more than the connection is worth.
final class CrowdedHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let isTLS: Bool
  private let limit: Int

  init(isTLS: Bool, limit: Int) {
    self.isTLS = isTLS
    self.limit = limit
  }

  func channelActive(context: ChannelHandlerContext) {
    guard !isTLS else { return context.close(promise: nil) }
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    // The client's request is on its way: closing under it would reset the connection and lose the answer.
    context.close(mode: .output, promise: nil)
    context.eventLoop.assumeIsolated().scheduleTask(in: .seconds(1)) { context.close(promise: nil) }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  private var answer: String {
    let message = "the server holds \(limit) connections, the most allowed; try again in a second"
    let body = String(decoding: BroadcastAnswer.refused(Refusal(.rateLimited, message)).json, as: UTF8.self)
    let head = [
      "HTTP/1.1 429 Too Many Requests", "content-type: application/json", "content-length: \(body.utf8.count)",
      "retry-after: 1", "connection: close",
    ]
    return head.joined(separator: "\r\n") + "\r\n\r\n" + body
  }
}
