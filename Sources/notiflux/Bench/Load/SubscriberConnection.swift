import NIOCore
import NotifluxClient
import NotifluxProtocol

/// One subscriber, from its connection to its end: counts what comes, and when. Confined to its thread's event loop.
final class SubscriberConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Phase { case connecting, shakingHands, subscribing, live, closing, ended }

  let begunAt: Int
  private let job: SubscriberJob
  private unowned let thread: GeneratorThread
  private var phase = Phase.connecting
  private var mode = SocketHandshake.Mode.envelopes
  private var context: ChannelHandlerContext?
  private var answer = AnswerScanner()
  private var frames: FrameScanner
  /// By publisher.
  private var trackers: [SequenceTracker]
  /// What the frames of one read had to say at their end.
  private var lastFrame: (code: UInt16?, reason: String)?
  /// Told once: `nil` when the subscription was confirmed.
  private var opened: ((ClientError?) -> Void)?

  init(job: SubscriberJob, thread: GeneratorThread, begunAt: Int) {
    self.job = job
    self.thread = thread
    self.begunAt = begunAt
    // Around the message there are a topic, a cursor and some words.
    frames = FrameScanner(longestMessage: thread.plan.format.size + 64 << 10)
    trackers = Array(repeating: SequenceTracker(), count: thread.plan.publishers)
  }

  var hasEnded: Bool { phase == .ended }

  func check(_ sent: [[SentNumbers]]) -> (expected: Int, missing: Int) {
    zip(trackers, sent).reduce(into: (expected: 0, missing: 0)) { sum, stream in
      let (tracker, sent) = (stream.0, stream.1[job.topic])
      sum.expected += tracker.expected(of: sent, hasEnded: hasEnded)
      sum.missing += tracker.missing(of: sent, hasEnded: hasEnded)
    }
  }

  // MARK: - Beginning

  func open(_ opened: @escaping (ClientError?) -> Void) {
    self.opened = opened
    let timeout = thread.plan.timeout
    let timer = thread.eventLoop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(timeout))) {
      self.fail(.timedOut(self.thread.plan.endpoint, reason: "not subscribed within \(Figures.time(timeout))"))
    }
    self.opened = { error in
      timer.cancel()
      opened(error)
    }
    thread.connector.connect().assumeIsolated().whenComplete { result in
      switch result {
      case .failure(let error): self.fail(self.thread.connector.failure(error))
      case .success(let channel) where self.phase == .ended: channel.close(promise: nil)
      case .success(let channel):
        do { try channel.pipeline.syncOperations.addHandler(self) } catch {
          self.fail(self.thread.connector.failure(error))
        }
      }
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    phase = .shakingHands
    let request = SocketHandshake.request(to: thread.plan.endpoint, preferring: thread.plan.preferredMode)
    context.writeAndFlush(wrapOutboundOut(request), promise: nil)
  }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  private func shakeHands(_ bytes: UnsafeRawBufferPointer) {
    do {
      guard let (answer, rest) = try answer.scan(bytes) else { return }
      guard answer.status == 101 else {
        return fail(
          thread.connector.failure(status: answer.status, location: answer.field("location"), body: answer.body))
      }
      guard let mode = SocketHandshake.mode(of: answer, preferring: thread.plan.preferredMode) else {
        let reason = "the handshake's answer is not that of a WebSocket server (RFC 6455 §4.1)"
        return fail(.unexpectedAnswer(thread.plan.endpoint, status: 101, snippet: reason))
      }
      self.mode = mode
      thread.figures.connections.modes.add(mode.rawValue)
      thread.figures.connections.upgradeTime.record(MonotonicClock.now() - begunAt)
      subscribe()
      if !rest.isEmpty { rest.withUnsafeBytes { read($0) } }
    } catch {
      fail(.unreachable(thread.plan.endpoint, reason: error.reason))
    }
  }

  private func subscribe() {
    phase = .subscribing
    let topic = thread.plan.topics.text(job.topic)
    switch mode {
    case .envelopes:
      var request = JSONWriter()
      request.object {
        $0.member("type", "subscribe")
        $0.member("topic", topic)
        $0.member("token", job.token)
        $0.member("id", 1)
      }
      send(ClientFrame.text(request.bytes))
    case .text:
      guard let topic = try? Topic(topic), topic.fitsTextCommands else {
        let refusal = Refusal(.topicInvalid, "the server speaks text mode only, where a topic has no blanks")
        return fail(.refused(refusal, status: nil))
      }
      send(ClientFrame.text("/subscribe \(topic) \(job.token)".utf8))
      // Answered after it, whatever becomes of it.
      send(ClientFrame.text("/?".utf8))
    }
  }

  /// The first texts: what became of the subscription.
  private func takeReply(_ bytes: UnsafeRawBufferPointer) {
    switch mode {
    case .envelopes:
      switch ServerEnvelope(json: bytes) {
      case .subscribed: confirm()
      case .error(let refusal, _, _): fail(.refused(refusal, status: nil))
      default: break
      }
    case .text:
      let text = String(decoding: bytes, as: UTF8.self)
      if text == ServerReply.unknownCommand {
        confirm()
      } else if text.hasPrefix(ServerReply.refusalStart(topic: thread.plan.topics.text(job.topic))) {
        // Text mode has no codes; nearly all refusals are about the token.
        fail(.refused(Refusal(.topicNotAllowed, text), status: nil))
      }
    }
  }

  private func confirm() {
    phase = .live
    thread.figures.connections.subscribed += 1
    thread.figures.connections.subscribeTime.record(MonotonicClock.now() - begunAt)
    settle(nil)
  }

  // MARK: - Messages

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    unwrapInboundIn(data).withUnsafeReadableBytes { read($0) }
  }

  private func read(_ bytes: UnsafeRawBufferPointer) {
    switch phase {
    case .shakingHands: shakeHands(bytes)
    case .subscribing, .live, .closing: scan(bytes)
    case .connecting, .ended: break
    }
  }

  private func scan(_ bytes: UnsafeRawBufferPointer) {
    let now = MonotonicClock.now()
    do throws(FrameFault) {
      try frames.scan(bytes) { frame in
        switch frame {
        case .text(let text): if phase == .subscribing { takeReply(text) } else { take(text, now: now) }
        case .ping(let payload): send(ClientFrame.pong(payload))
        case .close(let code, let reason): lastFrame = lastFrame ?? (code, reason)
        case .binary, .pong: break
        }
      }
    } catch {
      return end(.unreachable(thread.plan.endpoint, reason: "the server broke the WebSocket protocol: \(error.reason)"))
    }
    if let (code, reason) = lastFrame { takeClose(code, reason) }
  }

  private func take(_ text: UnsafeRawBufferPointer, now: Int) {
    let format = thread.plan.format
    switch mode {
    case .text:
      if let message = format.read(text) { count(message, now: now) } else { thread.figures.foreign += 1 }
    case .envelopes:
      // As this server's own envelopes end: with the message, a quote and a brace.
      let start = text.count - 2 - format.size
      if start > 0, text[start - 1] == UInt8(ascii: "\""), text[text.count - 2] == UInt8(ascii: "\""),
        text[text.count - 1] == UInt8(ascii: "}"),
        let message = format.read(UnsafeRawBufferPointer(rebasing: text[start..<text.count - 2]))
      {
        count(message, now: now)
      } else {
        takeEnvelope(text, now: now)
      }
    }
  }

  /// Any other envelope, or one that is written in another way.
  private func takeEnvelope(_ text: UnsafeRawBufferPointer, now: Int) {
    switch ServerEnvelope(json: text) {
    case .message(_, _, let data):
      var data = data
      let message = data.withUTF8 { thread.plan.format.read(UnsafeRawBufferPointer($0)) }
      if let message { count(message, now: now) } else { thread.figures.foreign += 1 }
    case .gap: thread.figures.gaps += 1
    default: break
    }
  }

  @inline(__always)
  private func count(_ message: BenchMessage, now: Int) {
    guard message.topic == job.topic, trackers.indices.contains(message.publisher) else {
      thread.figures.strayed += 1
      return
    }
    switch trackers[message.publisher].receive(message.number) {
    case .inOrder: break
    case .late: thread.figures.reordered += 1
    case .doubled:
      thread.figures.doubled += 1
      return
    }
    thread.figures.delivered.count(dueAt: message.dueAt, now: now, in: thread.measured)
  }

  // MARK: - The end

  /// Says good-bye; the server answers and closes the connection.
  func close() {
    guard phase == .live else { return }
    phase = .closing
    send(ClientFrame.close(.normal))
  }

  private func takeClose(_ code: UInt16?, _ reason: String) {
    if phase != .closing { send(ClientFrame.close(code.map { CloseCode(rawValue: $0) } ?? .normal)) }
    end(.closed(thread.plan.endpoint, code: code ?? 1005, reason: reason))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { end(thread.connector.failure(error)) }

  func channelInactive(context: ChannelHandlerContext) {
    end(.unreachable(thread.plan.endpoint, reason: "the connection was lost"))
  }

  private func end(_ error: ClientError) {
    switch phase {
    case .live:
      thread.figures.connections.closed.add(Self.name(of: error))
      leave()
    case .closing: leave()
    case .connecting, .shakingHands, .subscribing: fail(error)
    case .ended: break
    }
  }

  private static func name(of error: ClientError) -> String {
    // Each is told a time of its own.
    if case .closed(_, 1001, let reason) = error, reason.hasPrefix("reconnect in ") { return "1001 reconnect later" }
    if case .closed(_, let code, let reason) = error { return reason.isEmpty ? "\(code)" : "\(code) \(reason)" }
    return "\(error)"
  }

  private func fail(_ error: ClientError) {
    guard phase != .ended else { return }
    leave()
    settle(error)
  }

  private func leave() {
    phase = .ended
    context?.close(promise: nil)
  }

  private func settle(_ error: ClientError?) {
    let opened = opened
    self.opened = nil
    opened?(error)
  }

  private func send(_ frame: ByteBuffer) { context?.writeAndFlush(wrapOutboundOut(frame), promise: nil) }
}
