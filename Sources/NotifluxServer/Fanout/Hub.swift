import NIOConcurrencyHelpers
import NotifluxProtocol

/// The one order of all messages, and their history: numbers each accepted message, retains it, and posts it to every
/// worker's mailbox, all under one lock, so that all of them see the same order. What follows on the workers' event
/// loops takes no lock.
final class Hub: Sendable {
  private struct State {
    var log: MessageLog<RetainedText>
    var answered = IdempotencyWindow(lifetime: Double(Limits.idempotencyWindow))
    var publishedBytes = 0
  }

  /// Names this run's log in every cursor.
  let epoch: String
  private let mailboxes: [Mailbox]
  private let state: NIOLockedValueBox<State>
  /// Seconds of a clock that never goes back.
  private let uptime: @Sendable () -> Double

  init(epoch: String, history: HistoryLimits, mailboxes: [Mailbox], uptime: @escaping @Sendable () -> Double) {
    self.epoch = epoch
    self.mailboxes = mailboxes
    self.uptime = uptime
    state = NIOLockedValueBox(State(log: MessageLog(limits: history)))
  }

  func cursor(_ sequence: UInt64) -> Cursor { Cursor(epoch: epoch, sequence: sequence) }

  /// The place of the last accepted message, 0 before the first.
  var head: Cursor { cursor(state.withLockedValue { $0.log.head }) }

  // MARK: Publishing

  /// Accepts `text` for all of `topics`, which get consecutive numbers in the order given. Any loop; `publisher` is told
  /// on `loop`, once. A topic that has seen `id` is not delivered to again. `prepared` is of the same text.
  func publish(
    _ text: String, prepared: PreparedText? = nil, to topics: [Topic], id: String?, by publisher: any Publishing,
    on loop: any WorkerLoop
  ) {
    let publisher = LoopBound(publisher, loop: loop)
    let now = uptime()
    enter { state, post in
      let (message, last) = accept(text, prepared, topics, id: id, now: now, state: &state) { message in
        post(Publication(message: message, receipt: nil))
      }
      let receipt = DeliveryReceipt(workers: mailboxes.count, cursor: last, accepted: now, publisher: publisher)
      post(Publication(message: message, receipt: receipt))
    }
  }

  /// As above, for one topic and without an idempotency key.
  func publish(_ text: String, to topic: Topic, by publisher: any Publishing, on loop: any WorkerLoop) {
    let publisher = LoopBound(publisher, loop: loop)
    let now = uptime()
    enter { state, post in
      let place = cursor(state.log.append(RetainedText(text: text), to: topic, now: now))
      state.publishedBytes += text.utf8.count
      let receipt = DeliveryReceipt(workers: mailboxes.count, cursor: place, accepted: now, publisher: publisher)
      post(Publication(message: EncodedMessage(text, topic: topic, cursor: place, accepted: now), receipt: receipt))
    }
  }

  /// Has `body` change the state and post what comes of it to all workers, under the lock.
  @inline(__always)
  private func enter(_ body: (inout State, _ post: (Publication) -> Void) -> Void) {
    // A worker must be woken once the lock is released: at most 64 are marked, more are all woken.
    var wakes: UInt64 = 0
    state.withLockedValue { state in
      body(&state) { publication in
        for index in mailboxes.indices where mailboxes[index].post(publication) { wakes |= 1 << UInt64(min(index, 63)) }
      }
    }
    for index in mailboxes.indices where wakes & 1 << UInt64(min(index, 63)) != 0 { mailboxes[index].collect() }
  }

  /// Calls `post` with each message that is to be delivered but the last. Returns that one, and the cursor to answer with.
  private func accept(
    _ text: String, _ prepared: PreparedText?, _ topics: [Topic], id: String?, now: Double, state: inout State,
    post: (EncodedMessage) -> Void
  ) -> (message: EncodedMessage?, last: Cursor) {
    var last = cursor(state.log.head)
    var (first, newest): (EncodedMessage?, EncodedMessage?)
    for topic in topics {
      if let id, let sequence = state.answered.sequence(topic: topic, id: id, now: now) {
        last = cursor(sequence)
        continue
      }
      if let newest { post(newest) }
      last = cursor(state.log.append(RetainedText(text: text), to: topic, now: now))
      state.publishedBytes += text.utf8.count
      newest = EncodedMessage(
        text, topic: topic, cursor: last, accepted: now, prepared: prepared, sameTextAs: first)
      first = first ?? newest
      if let id { state.answered.record(topic: topic, id: id, sequence: last.sequence, now: now) }
    }
    return (newest, last)
  }

  // MARK: History

  /// Begins to read what `topics` missed after `since`.
  func openReplay(of topics: [Topic], since: Cursor) -> Replay {
    let position = since.epoch == epoch ? since.sequence : nil
    return Replay(reader: state.withLockedValue { $0.log.openReader(topics: topics, after: position) }, since: since)
  }

  /// One page of a replay, and the head of the log if that was the last: everything above it is live.
  func read(_ replay: inout Replay) -> (items: [LogItem<RetainedText>], end: UInt64?) {
    let now = uptime()
    return state.withLockedValue { state in
      let items = state.log.read(
        &replay.reader, maximumItems: Replay.pageItems, maximumBytes: Replay.pageBytes, now: now)
      return (items, replay.reader.isCaughtUp(with: state.log.head) ? state.log.head : nil)
    }
  }

  /// What has gone through, and what is retained of it.
  var figures: Figures {
    state.withLockedValue { state in
      Figures(
        messages: state.log.head, bytes: state.publishedBytes, retainedMessages: state.log.messageCount,
        retainedBytes: state.log.byteCount, retainedTopics: state.log.topicCount, evictions: state.log.evictions,
        idempotencyKeys: state.answered.count)
    }
  }

  struct Figures: Sendable {
    /// Since the log began, each message once a topic.
    let messages: UInt64
    /// Of their texts.
    let bytes: Int
    let retainedMessages: Int
    let retainedBytes: Int
    let retainedTopics: Int
    let evictions: EvictionCounts
    let idempotencyKeys: Int
  }

  /// Lets go of what is too old; to be called about once a second.
  func expire() {
    let now = uptime()
    state.withLockedValue { $0.log.expire(now: now) }
  }
}

/// A reading of the log for one subscription, page by page.
struct Replay {
  /// What one page holds at the most: little enough that other connections of the loop do not wait for it.
  static let pageItems = 256
  static let pageBytes = 64 * 1024

  fileprivate(set) var reader: LogReader
  /// As the client gave it.
  let since: Cursor

  /// Everything up to here has been handed out; 0 while `since` is no place in this log and nothing has been read.
  var position: UInt64 { reader.position ?? 0 }

  mutating func remove(_ topic: Topic) { reader.remove(topic) }
}
