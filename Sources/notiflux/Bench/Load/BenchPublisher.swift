import NIOCore
import NotifluxClient
import NotifluxProtocol

/// One publisher: a kept-alive connection with at most one request under way, to all topics in turn. Confined to its
/// thread's event loop.
final class BenchPublisher {
  /// Counted over all threads, from 0.
  let number: Int
  /// By topic.
  private(set) var sent: [SentNumbers]
  private unowned let thread: GeneratorThread
  private var count = 0
  private var schedule: SendSchedule?
  /// No message is sent from this time on.
  private var end = 0
  private var outstanding: (message: BenchMessage, sentAt: Int)?
  private var link: PublisherLink?
  private var isConnecting = false
  private var isWaiting = false
  /// Whether a connection was made that is of use; else the next attempt waits a little.
  private var hasAnswered = true
  private(set) var hasConnected = false

  /// After a connection that was of no use.
  private static let reconnectDelay = TimeAmount.milliseconds(100)

  init(number: Int, thread: GeneratorThread) {
    self.number = number
    self.thread = thread
    sent = Array(repeating: SentNumbers(), count: thread.plan.topics.count)
  }

  /// Whether nothing is under way and nothing will be sent.
  var isIdle: Bool { outstanding == nil && isOver }
  private var isOver: Bool { MonotonicClock.now() >= end }

  // MARK: - Sending

  func start(schedule: SendSchedule?, until end: Int) {
    self.schedule = schedule
    self.end = end
    sendNext()
  }

  func stop() { end = min(end, MonotonicClock.now()) }

  private func sendNext() {
    guard let link, outstanding == nil, !isWaiting else { return }
    let now = MonotonicClock.now()
    guard now < end else { return }
    let due = schedule?.due(count, of: number) ?? now
    guard due <= now else { return wait(until: due) }
    let topic = (number + count) % sent.count
    count += 1
    sent[topic].last += 1
    let message = BenchMessage(topic: topic, publisher: number, number: sent[topic].last, dueAt: due)
    outstanding = (message, now)
    link.send(thread.request(for: message))
  }

  private func wait(until due: Int) {
    isWaiting = true
    thread.at(due) { _ in
      self.isWaiting = false
      self.sendNext()
    }
  }

  // MARK: - Answers

  func answered(_ answer: ScannedAnswer, on link: PublisherLink) {
    guard link === self.link, let (message, _) = outstanding else { return }
    outstanding = nil
    hasAnswered = true
    if answer.status == 200 {
      let now = MonotonicClock.now()
      thread.figures.published.count(dueAt: message.dueAt, now: now, in: thread.measured)
    } else {
      refused(answer, message)
    }
    if answer.keepsAlive { sendNext() } else { reconnect() }
  }

  private func refused(_ answer: ScannedAnswer, _ message: BenchMessage) {
    sent[message.topic].unconfirmed.append(message.number..<message.number + 1)
    let code = answer.body.withUnsafeBytes { body -> String in
      if case .refused(let refusal)? = BroadcastAnswer(json: body) { " \(refusal.code.rawValue)" } else { "" }
    }
    let error = thread.connector.failure(
      status: answer.status, location: answer.field("location"), body: answer.body)
    thread.figures.add(publishError: error, named: "\(answer.status)\(code)")
    // All messages are alike: what is wrong with this one is wrong with the next.
    if (300..<500).contains(answer.status), answer.status != 408, answer.status != 429 {
      thread.control.fail(error)
      thread.stopPublishers()
    }
  }

  func checkTimeout(now: Int) {
    guard let outstanding, now - outstanding.sentAt > thread.plan.timeout else { return }
    let limit = Figures.time(thread.plan.timeout)
    giveUp(.timedOut(thread.plan.endpoint, reason: "no answer within \(limit)"))
    reconnect()
  }

  private func giveUp(_ error: ClientError) {
    guard let (message, _) = outstanding else { return }
    outstanding = nil
    sent[message.topic].unconfirmed.append(message.number..<message.number + 1)
    thread.figures.add(publishError: error, named: "\(error)")
  }

  // MARK: - The connection

  func connect() {
    guard !isConnecting, link == nil else { return }
    isConnecting = true
    thread.connector.connect().assumeIsolated().whenComplete { result in
      self.isConnecting = false
      switch result {
      case .success(let channel): self.connected(channel)
      case .failure(let error): self.failed(self.thread.connector.failure(error))
      }
    }
  }

  private func connected(_ channel: any Channel) {
    let link = PublisherLink(publisher: self)
    do { try channel.pipeline.syncOperations.addHandler(link) } catch {
      return failed(thread.connector.failure(error))
    }
    hasConnected = true
    self.link = link
    sendNext()
  }

  private func failed(_ error: ClientError) {
    // Before anything was sent there is nothing to lose; later the others go on.
    if !hasConnected { return thread.control.fail(error) }
    thread.figures.add(publishError: error, named: "\(error)")
    reconnectLater()
  }

  func disconnected(_ error: (any Error)?, on link: PublisherLink) {
    guard link === self.link else { return }
    self.link = nil
    let endpoint = thread.plan.endpoint
    giveUp(
      error.map { thread.connector.failure($0) }
        ?? .unreachable(endpoint, reason: "the connection was lost before the answer"))
    reconnect()
  }

  private func reconnect() {
    link?.close()
    link = nil
    guard !isOver else { return }
    thread.figures.reconnects += 1
    guard hasAnswered else { return reconnectLater() }
    hasAnswered = false
    connect()
  }

  private func reconnectLater() {
    guard !isOver else { return }
    thread.eventLoop.assumeIsolated().scheduleTask(in: Self.reconnectDelay) { if !self.isOver { self.connect() } }
  }
}

/// One connection of a publisher. What an earlier one still reports is ignored, so it says which it is.
final class PublisherLink: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private unowned let publisher: BenchPublisher
  private var context: ChannelHandlerContext?
  private var scanner = AnswerScanner()

  init(publisher: BenchPublisher) { self.publisher = publisher }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }
  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func send(_ request: ByteBuffer) { context?.writeAndFlush(wrapOutboundOut(request), promise: nil) }
  func close() { context?.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    do {
      let found = try unwrapInboundIn(data).withUnsafeReadableBytes { bytes in try scanner.scan(bytes) }
      if let found { publisher.answered(found.answer, on: self) }
    } catch {
      errorCaught(context: context, error: error)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    publisher.disconnected(error, on: self)
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { publisher.disconnected(nil, on: self) }
}
