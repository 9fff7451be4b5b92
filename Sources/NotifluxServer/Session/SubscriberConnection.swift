import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol

/// A connection that gets messages, whatever its form: the place where the hub's messages meet a socket, and where a
/// replay from the log turns into live delivery. Confined to its event loop.
class SubscriberConnection: Connection, PublicationSink {
  /// A joined piece larger than this is not joined further: sharing it saves less than copying it costs.
  private static let joinLimit = 256 * 1024

  let form: WireForm
  /// The hub's.
  final var holdings = TopicHoldings()
  /// What the hub's burst has for this connection so far; the hub will flush it.
  private var parcel = Parcel()
  /// Whether the hub will flush us at the end of its burst.
  private var awaitsFlush = false
  /// Set once a subscription has read from the log.
  private var replays: ReplayQueue?

  init(worker: Worker, form: WireForm) {
    self.form = form
    super.init(worker: worker)
    worker.services.forms.enter(form)
  }

  deinit { worker.services.forms.leave(form) }

  private var sorter: ParcelSorter { worker.hub.sorter(form) }

  // MARK: For those who know what kind of connection this is

  /// Whether messages may still be sent, as long as there is a transport.
  var isOpen: Bool { true }

  /// Messages do not fit under `--max-pending` any more: tell the client if there is a way to, and close.
  func closeSlowConsumer() { transport?.close() }

  func closesAsSlowConsumer() {
    worker.counters.limitsReached[.pending] += 1
    let limit = worker.configuration.maximumPending
    worker.closes(self, for: .slowConsumer, reason: "more than \(limit) bytes wait for it (--max-pending)")
  }

  /// A token that it subscribed with was revoked: likewise.
  func closeRevoked() { transport?.close() }

  /// Something is being sent anyway: what would have to be sent soon may go with it.
  func rideAlong(on transport: any Transport) {}

  /// Leaves nothing behind, however the connection ended.
  override func disconnected() { unsubscribeAll() }

  // MARK: Subscriptions

  /// Subscribes to all of `subject`, which a token of these names has opened, or to none; throws why not. Says
  /// `subscribed`, then replays what was missed where `since` is given.
  func subscribe(
    to subject: ServerEnvelope.Subject, since: Cursor?, id: RequestID? = nil, openedBy names: TokenNames?
  ) throws(Refusal) {
    let topics = subject.topics
    // It may have been revoked while the verdict was on its way here; from now on ``revoke(by:)`` sees to that.
    if let names, worker.services.authorizer.hasRevoked(names) { throw RevocationList.refusal }
    try checkLimit(topics)
    guard let since else { return subscribeLive(subject, topics, id: id, openedBy: names) }
    worker.counters.resumes += 1
    for topic in topics { unsubscribe(from: topic) }
    let replay = worker.services.hub.openReplay(of: topics, since: since)
    let position = worker.services.hub.cursor(replay.position)
    say(.subscribed(subject, position, id: id), position: position)
    let replays = replays ?? ReplayQueue()
    replays.append(ReplayQueue.Entry(subject: subject, topics: topics, replay: replay, names: names))
    self.replays = replays
    sendPages()
  }

  private func checkLimit(_ topics: [Topic]) throws(Refusal) {
    let limit = worker.configuration.maximumSubscriptions
    let held = holdings.count + (replays?.topicCount ?? 0)
    guard held + topics.count > limit else { return }
    let new = topics.filter { !isHeld($0) }.count
    guard new > 0, held + new > limit else { return }
    throw Refusal(
      .tooManySubscriptions, "a connection may hold \(limit) topics, this one holds \(held); unsubscribe from one first"
    )
  }

  private func isHeld(_ topic: Topic) -> Bool {
    worker.hub.table.isSubscribed(self, to: topic) || replays?.holds(topic) == true
  }

  /// From what this loop has delivered on: a message that is numbered but not delivered yet still comes.
  private func subscribeLive(
    _ subject: ServerEnvelope.Subject, _ topics: [Topic], id: RequestID?, openedBy names: TokenNames?
  ) {
    let delivered = worker.hub.delivered
    // A topic that still reads from the log is owed more.
    let position = worker.services.hub.cursor(min(delivered, replays?.position(of: topics) ?? .max))
    for topic in topics where replays?.holds(topic) != true {
      worker.hub.table.subscribe(self, to: topic, after: delivered, openedBy: names)
    }
    say(.subscribed(subject, position, id: id), position: position)
  }

  override func revoke(by revocations: RevocationList) {
    guard isOpen, holdings.names.contains(where: revocations.holds) || replays?.isOpened(by: revocations) == true else {
      return
    }
    worker.closes(self, for: .revoked, reason: RevocationList.refusal.message)
    closeRevoked()
  }

  func unsubscribe(from topic: Topic) {
    worker.hub.table.unsubscribe(self, from: topic)
    replays?.remove(topic)
  }

  func unsubscribeAll() {
    worker.hub.table.unsubscribeAll(self)
    replays = nil
  }

  // MARK: Replay

  /// Sends one page now and the next ones in later turns of the loop, as long as the socket takes them.
  private func sendPages() {
    guard let replays, !replays.isEmpty, !replays.isPageDue else { return }
    guard let transport, isOpen, transport.isWritable else { return }
    replays.unsentBytes = 0  // What was sent before has left, but for a rest below the high mark.
    sendPage(of: replays)
    transport.flush()
    guard !replays.isEmpty, transport.isWritable else { return }
    replays.isPageDue = true
    worker.loop.executeIsolated {
      replays.isPageDue = false
      self.sendPages()
    }
  }

  private func sendPage(of replays: ReplayQueue) {
    let hub = worker.services.hub
    let (items, end) = hub.read(&replays.first.replay)
    let entry = replays.first
    for item in items {
      switch item {
      case .message(let topic, let sequence, let payload):
        worker.counters.messagesReplayed += 1
        replay(form.message(payload.text, topic: topic, cursor: hub.cursor(sequence)), of: replays)
      case .gap(let gap):
        worker.counters.gaps[gap.from == nil ? .otherLog : .evicted] += 1
        let (from, position) = (gap.from.map(hub.cursor), gap.position.map(hub.cursor))
        let envelope = ServerEnvelope.gap(topic: gap.topic, from: from ?? entry.replay.since, to: hub.cursor(gap.to))
        if let bytes = form.bytes(envelope, position: position ?? entry.replay.since) { replay(bytes, of: replays) }
      }
    }
    guard let end else { return }
    replays.removeFirst()
    for topic in entry.topics { worker.hub.table.subscribe(self, to: topic, after: end, openedBy: entry.names) }
    if let bytes = form.bytes(.caughtUp(entry.subject, hub.cursor(end)), position: hub.cursor(end)) {
      replay(bytes, of: replays)
    }
  }

  private func replay(_ bytes: ByteBuffer, of replays: ReplayQueue) {
    replays.unsentBytes += bytes.readableBytes
    write(bytes)
  }

  override func becameWritable() {
    replays?.unsentBytes = 0
    sendPages()
  }

  // MARK: Messages

  final var socketAddress: UnsafeRawPointer? {
    transport.map { UnsafeRawPointer(Unmanaged.passUnretained($0 as AnyObject).toOpaque()) }
  }

  func deliver(_ run: MessageRun) {
    guard let transport, isOpen else { return }
    let sorter = sorter
    if !awaitsFlush {
      awaitsFlush = true
      worker.hub.flushAfterBurst(self)
    }
    let (extended, byteCount) = sorter.extend(parcel, with: run)
    if byteCount <= Self.joinLimit, hasRoom(for: byteCount, on: transport) {
      parcel = extended
    } else {
      deliverSingly(run, on: transport)
    }
  }

  func deliverAlone(_ run: MessageRun) {
    guard let transport, isOpen else { return }
    let bytes = run.bytes(form)
    let isShort = bytes.readableBytes <= Self.joinLimit
    if !isShort || !transport.write(bytes, within: pendingLimit(on: transport)) {
      deliverSingly(run, on: transport)
    }
    rideAlong(on: transport)
    transport.flush()
  }

  /// Where a whole run does not fit, each message is judged by itself.
  private func deliverSingly(_ run: MessageRun, on transport: any Transport) {
    writeParcel(to: transport)
    for message in run.messages {
      let bytes = message.bytes(form)
      if !hasRoom(for: bytes.readableBytes, on: transport) {
        transport.flushNow()
        guard hasRoom(for: bytes.readableBytes, on: transport) else { return closeSlowConsumer() }
      }
      transport.write(bytes)
    }
  }

  func flushDeliveries() {
    awaitsFlush = false
    guard let transport else { return }
    writeParcel(to: transport)
    rideAlong(on: transport)
    transport.flush()
  }

  private func writeParcel(to transport: any Transport) {
    guard !parcel.isEmpty else { return }
    transport.write(sorter.bytes(of: parcel))
    parcel = Parcel()
  }

  /// Answers are bounded like messages: a client that asks without reading is a slow consumer too.
  func say(_ envelope: ServerEnvelope, position: Cursor) {
    guard let bytes = form.bytes(envelope, position: position) else { return }
    send(bytes)
  }

  func send(_ bytes: ByteBuffer) {
    guard let transport else { return }
    writeParcel(to: transport)
    if isOpen && !hasRoom(for: bytes.readableBytes, on: transport) {
      transport.flushNow()
      guard hasRoom(for: bytes.readableBytes, on: transport) else { return closeSlowConsumer() }
    }
    transport.write(bytes)
  }

  private func write(_ bytes: ByteBuffer) {
    guard let transport else { return }
    writeParcel(to: transport)
    transport.write(bytes)
  }

  /// Whether `byteCount` more bytes fit under `--max-pending`. What waits only for the end of the turn does not count:
  /// it is to be offered to the socket before judging.
  private func hasRoom(for byteCount: Int, on transport: any Transport) -> Bool {
    transport.unsentBytes + byteCount <= pendingLimit(on: transport)
  }

  /// `--max-pending`, and what of a replay is unsent: that is bounded by its pages.
  private func pendingLimit(on transport: any Transport) -> Int {
    let limit = worker.configuration.maximumPending
    guard let replays else { return limit }
    if transport.unsentBytes == 0 { replays.unsentBytes = 0 }
    return limit + replays.unsentBytes
  }
}
