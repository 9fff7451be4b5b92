import NIOCore
import NIOHTTP1

/// The end of a publishing connection's pipeline: writes requests, puts answers together and tells the lane.
final class AnswerHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let channel: any Channel
  private weak var lane: PublishLane?
  private var answer: HTTPAnswer?
  private var error: (any Error)?

  init(channel: any Channel, lane: PublishLane) {
    self.channel = channel
    self.lane = lane
  }

  func write(_ head: HTTPRequestHead, _ body: ByteBuffer) {
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    channel.write(HTTPClientRequestPart.body(.byteBuffer(body)), promise: nil)
    channel.write(HTTPClientRequestPart.end(nil), promise: nil)
  }

  func flush() { channel.flush() }
  func close() { channel.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): answer = HTTPAnswer(head)
    case .body(let part): answer?.append(part)
    case .end:
      guard let answer else { return }
      self.answer = nil
      lane?.answered(answer, on: self)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    self.error = self.error ?? error
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { lane?.disconnected(error, on: self) }
}
