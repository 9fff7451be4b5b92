import Logging
import NIOCore
import NotifluxProtocol

/// One `GET /events` after its head was answered: events go out for as long as the client stays. Confined to its event
/// loop.
final class EventStreamHandler: SubscriberConnection, ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let head: [UInt8]
  private let request: EventsRequest
  private let stream: EventStream
  private var isEnding = false

  /// `head` is the answer's head, to be sent first.
  init(worker: Worker, head: [UInt8], request: EventsRequest) {
    self.head = head
    self.request = request
    stream = request.stream
    super.init(worker: worker, form: request.stream == .ndjson ? .ndjson : .serverSentEvents)
  }

  override var isOpen: Bool { super.isOpen && !isEnding }

  func handlerAdded(context: ChannelHandlerContext) {
    join(context)
    worker.schedule(self, at: worker.now + Limits.pingInterval)
    send(ByteBuffer(bytes: head))
    guard !request.wantsHeadOnly else { return end() }
    do throws(Refusal) {
      // The endpoint has asked already; a token that expires between the two ends the stream.
      let subject =
        request.topics.count == 1 ? ServerEnvelope.Subject.topic(request.topics[0]) : .topics(request.topics)
      try subscribe(to: subject, token: request.token, since: request.since)
      context.flush()
    } catch {
      context.close(promise: nil)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  /// A client has nothing more to say here.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    worker.services.logger.debug("connection failed", metadata: [LogKey.reason: "\(error)"])
    context.close(promise: nil)
  }

  override func timeOut(now: Int) {
    guard let context else { return }
    guard !isEnding else { return context.close(promise: nil) }
    send(ByteBuffer(bytes: stream.keepAlive))
    context.flush()
    worker.schedule(self, at: now + Limits.pingInterval)
  }

  /// SSE can say when to come back (`retry`, HTML standard §9.2.6).
  override func drain(reconnectIn milliseconds: Int) {
    if stream == .serverSentEvents { send(ByteBuffer(string: "retry: \(milliseconds)\n\n")) }
    end()
  }

  override func closeSlowConsumer() {
    worker.services.logger.info(
      "slow consumer closed", metadata: [LogKey.limit: "\(worker.configuration.maximumPending)"])
    end()
  }

  /// What was sent may still be read; then the stream ends.
  private func end() {
    guard let context, !isEnding else { return }
    isEnding = true
    unsubscribeAll()
    context.flush()
    context.close(mode: .output, promise: nil)
    worker.schedule(self, at: worker.now + Limits.closeTimeout)
  }
}

@available(*, unavailable)
extension EventStreamHandler: Sendable {}
