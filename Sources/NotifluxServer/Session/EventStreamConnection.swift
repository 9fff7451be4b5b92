import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol

/// One `GET /events` after the request was allowed: the answer's head goes out, then events for as long as the client
/// stays. Confined to its event loop.
final class EventStreamConnection: SubscriberConnection {
  private let head: [UInt8]
  private let request: EventsRequest
  /// Of the request's token.
  private let names: TokenNames?
  private let stream: EventStream
  private var isEnding = false

  /// `head` is the answer's head, to be sent first.
  init(worker: Worker, head: [UInt8], request: EventsRequest, openedBy names: TokenNames?) {
    self.head = head
    self.request = request
    self.names = names
    stream = request.stream
    super.init(worker: worker, form: request.stream == .ndjson ? .ndjson : .serverSentEvents)
  }

  override var isOpen: Bool { !isEnding }

  override func connected() {
    worker.schedule(self, at: worker.now + Limits.pingInterval)
    send(ByteBuffer(bytes: head))
    guard !request.wantsHeadOnly else { return end() }
    say(stream.opening)
    do throws(Refusal) {
      let subject =
        request.topics.count == 1 ? ServerEnvelope.Subject.topic(request.topics[0]) : .topics(request.topics)
      try subscribe(to: subject, since: request.since, openedBy: names)
      transport?.flush()
    } catch {
      transport?.close()  // The endpoint has seen to it that a connection may hold as many.
    }
  }

  override func timeOut(now: Int) {
    guard !isEnding else { return transport?.close() ?? () }
    send(ByteBuffer(bytes: stream.keepAlive))
    guard let transport else { return }
    transport.flush()
    if !isEnding { worker.schedule(self, at: now + Limits.pingInterval) }
  }

  override func drain(reconnectIn milliseconds: Int) {
    say(stream.retry(after: milliseconds))
    end()
  }

  override func closeSlowConsumer() {
    closesAsSlowConsumer()
    end()
  }

  override func closeRevoked() { end() }

  private func say(_ bytes: [UInt8]) {
    if !bytes.isEmpty { send(ByteBuffer(bytes: bytes)) }
  }

  /// What was sent may still be read; then the stream ends.
  private func end() {
    guard let transport, !isEnding else { return }
    isEnding = true
    unsubscribeAll()
    transport.finishOutput()
    worker.schedule(self, at: worker.now + Limits.closeTimeout)
  }
}
