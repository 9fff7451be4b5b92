import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol

/// A connection that gets messages, whatever its form: the place where the hub's messages meet a socket, and where a
/// replay from the log turns into live delivery. Confined to its event loop.
class SubscriberConnection: Connection, PublicationSink {
  let worker: Worker
  let form: WireForm
  /// `nil` once the connection has gone.
  private(set) var context: ChannelHandlerContext?
  private lazy var subscriber = LoopHub<SubscriberConnection>.Subscriber(sink: self)
  /// Subscriptions that still read from the log, in the order they were asked for; a topic is in one at the most.
  private var replays: [(subject: ServerEnvelope.Subject, topics: [Topic], replay: Replay)] = []
  private var isPageDue = false
  /// Bytes of the log that may be unsent still: the socket sets the pace for them, so they do not count as pending.
  private var replayBytes = 0
  /// Whether the hub will flush us at the end of its burst.
  private var awaitsFlush = false

  init(worker: Worker, form: WireForm) {
    self.worker = worker
    self.form = form
  }

  // MARK: For those who know what kind of connection this is

  /// Whether messages may still be sent.
  var isOpen: Bool { context != nil }

  /// Messages do not fit under `--max-pending` any more: tell the client if there is a way to, and close.
  func closeSlowConsumer() { context?.close(promise: nil) }

  func join(_ context: ChannelHandlerContext) { self.context = context }

  /// Leaves nothing behind, however the connection ended.
  func leave() {
    guard context != nil else { return }
    context = nil
    unsubscribeAll()
    worker.remove(self)
  }

  // MARK: Subscriptions

  /// Subscribes to all of `subject` or to none; throws why not. Says `subscribed`, then replays what was missed where
  /// `since` is given.
  func subscribe(
    to subject: ServerEnvelope.Subject, token: String?, since: Cursor?, id: RequestID? = nil
  ) throws(Refusal) {
    let topics = subject.topics
    try worker.services.authorizer.authorize(token, scope: .subscribe, topics: topics)
    try checkLimit(topics)
    guard let since else { return subscribeLive(subject, topics, id: id) }
    for topic in topics { unsubscribe(from: topic) }
    let replay = worker.services.hub.openReplay(of: topics, since: since)
    let position = worker.services.hub.cursor(replay.position)
    say(.subscribed(subject, position, id: id), position: position)
    replays.append((subject, topics, replay))
    sendPages()
  }

  private func checkLimit(_ topics: [Topic]) throws(Refusal) {
    let limit = worker.configuration.maximumSubscriptions
    let held = subscriber.count + replays.reduce(0) { $0 + $1.topics.count }
    guard held + topics.count > limit else { return }
    let new = topics.filter { !isHeld($0) }.count
    guard new > 0, held + new > limit else { return }
    throw Refusal(
      .tooManySubscriptions, "a connection may hold \(limit) topics, this one holds \(held); unsubscribe from one first"
    )
  }

  private func isHeld(_ topic: Topic) -> Bool {
    worker.hub.table.isSubscribed(subscriber, to: topic) || replays.contains { $0.topics.contains(topic) }
  }

  /// From what this loop has delivered on: a message that is numbered but not delivered yet still comes.
  private func subscribeLive(_ subject: ServerEnvelope.Subject, _ topics: [Topic], id: RequestID?) {
    let delivered = worker.hub.delivered
    // A topic that still reads from the log is owed more.
    let reading = replays.filter { entry in topics.contains { entry.topics.contains($0) } }
    let position = worker.services.hub.cursor(min(delivered, reading.map(\.replay.position).min() ?? .max))
    for topic in topics where !isHeld(topic) { worker.hub.table.subscribe(subscriber, to: topic, after: delivered) }
    say(.subscribed(subject, position, id: id), position: position)
  }

  func unsubscribe(from topic: Topic) {
    worker.hub.table.unsubscribe(subscriber, from: topic)
    guard let index = replays.firstIndex(where: { $0.topics.contains(topic) }) else { return }
    replays[index].topics.removeAll { $0 == topic }
    replays[index].replay.remove(topic)
    if replays[index].topics.isEmpty { replays.remove(at: index) }
  }

  func unsubscribeAll() {
    worker.hub.table.unsubscribeAll(subscriber)
    replays = []
  }

  // MARK: Replay

  /// Sends one page now and the next ones in later turns of the loop, as long as the socket takes them.
  private func sendPages() {
    guard let context, isOpen, !replays.isEmpty, !isPageDue, context.channel.isWritable else { return }
    replayBytes = 0  // What was sent before has left, but for a rest below the high mark.
    sendPage()
    context.flush()
    guard !replays.isEmpty, context.channel.isWritable else { return }
    isPageDue = true
    context.eventLoop.assumeIsolated().execute {
      self.isPageDue = false
      self.sendPages()
    }
  }

  private func sendPage() {
    let hub = worker.services.hub
    let (items, end) = hub.read(&replays[0].replay)
    let (subject, topics, entry) = replays[0]
    for item in items {
      switch item {
      case .message(let topic, let sequence, let payload):
        replay(form.message(payload.text, topic: topic, cursor: hub.cursor(sequence)))
      case .gap(let gap):
        let (from, position) = (gap.from.map(hub.cursor), gap.position.map(hub.cursor))
        let envelope = ServerEnvelope.gap(topic: gap.topic, from: from ?? entry.since, to: hub.cursor(gap.to))
        if let bytes = form.bytes(envelope, position: position ?? entry.since) { replay(bytes) }
      }
    }
    guard let end else { return }
    replays.removeFirst()
    for topic in topics { worker.hub.table.subscribe(subscriber, to: topic, after: end) }
    if let bytes = form.bytes(.caughtUp(subject, hub.cursor(end)), position: hub.cursor(end)) { replay(bytes) }
  }

  private func replay(_ bytes: ByteBuffer) {
    replayBytes += bytes.readableBytes
    write(bytes)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { replayBytes = 0 }
    sendPages()
    context.fireChannelWritabilityChanged()
  }

  // MARK: Messages

  func deliver(_ message: EncodedMessage) {
    guard let context, isOpen else { return }
    let bytes = message.bytes(form)
    guard hasRoom(for: bytes, context: context) else { return closeSlowConsumer() }
    write(bytes)
    guard !awaitsFlush else { return }
    awaitsFlush = true
    worker.hub.flushAfterBurst(subscriber)
  }

  func flushDeliveries() {
    awaitsFlush = false
    context?.flush()
  }

  /// Answers are bounded like messages: a client that asks without reading is a slow consumer too.
  func say(_ envelope: ServerEnvelope, position: Cursor) {
    guard let bytes = form.bytes(envelope, position: position) else { return }
    send(bytes)
  }

  func send(_ bytes: ByteBuffer) {
    guard let context else { return }
    if isOpen && !hasRoom(for: bytes, context: context) { return closeSlowConsumer() }
    write(bytes)
  }

  private func write(_ bytes: ByteBuffer) { context?.write(NIOAny(bytes), promise: nil) }

  /// Whether `bytes` fit under `--max-pending`. What waits only for the end of the burst does not count: it is offered
  /// to the socket before judging.
  private func hasRoom(for bytes: ByteBuffer, context: ChannelHandlerContext) -> Bool {
    let limit = worker.configuration.maximumPending + replayBytes
    if context.channel.isWritable && bytes.readableBytes <= limit - Listener.writeBufferHighMark { return true }
    if pendingBytes(context) + bytes.readableBytes <= limit { return true }
    context.flush()
    return pendingBytes(context) + bytes.readableBytes <= limit
  }

  private func pendingBytes(_ context: ChannelHandlerContext) -> Int {
    (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }
}
