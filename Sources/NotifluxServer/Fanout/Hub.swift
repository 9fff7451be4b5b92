import NIOConcurrencyHelpers
import NIOCore
import NotifluxProtocol

/// The one order of all messages: numbers each accepted message and posts it to every worker's mailbox under one lock,
/// so that all of them see the same order. What follows on the workers' event loops takes no lock.
final class Hub: Sendable {
  private struct State {
    var sequence: UInt64 = 0
    var answered = IdempotencyWindow(lifetime: Double(Limits.idempotencyWindow))
  }

  /// Names this run's log in every cursor.
  let epoch: String
  private let mailboxes: [Mailbox]
  private let state = NIOLockedValueBox(State())
  /// Seconds of a clock that never goes back.
  private let uptime: @Sendable () -> Double

  init(epoch: String, mailboxes: [Mailbox], uptime: @escaping @Sendable () -> Double) {
    self.epoch = epoch
    self.mailboxes = mailboxes
    self.uptime = uptime
  }

  /// The number of the last accepted message, 0 before the first.
  var head: Cursor { Cursor(epoch: epoch, sequence: state.withLockedValue { $0.sequence }) }

  /// Accepts `text` for all of `topics`, which get consecutive numbers in the order given. The future, on `loop`, is the
  /// last topic's cursor, and comes when every matching live connection has the message in its queue. A topic that has
  /// seen `id` is not delivered to again.
  func publish(_ text: String, to topics: [Topic], id: String?, on loop: any EventLoop) -> EventLoopFuture<Cursor> {
    let frame = TextFrame.encode(text)
    let promise = loop.makePromise(of: Cursor.self)
    let (woken, last) = state.withLockedValue { state in
      let (fresh, last) = number(topics, id: id, state: &state)
      guard !fresh.isEmpty else { return ([Mailbox](), Cursor?.some(last)) }
      let receipt = DeliveryReceipt(workers: mailboxes.count, cursor: last, promise: promise)
      let publications = fresh.enumerated().map { index, item in
        Publication(
          topic: item.topic, sequence: item.sequence, textFrame: frame,
          receipt: index == fresh.count - 1 ? receipt : nil)
      }
      return (mailboxes.filter { $0.post(publications) }, nil)
    }
    for mailbox in woken { mailbox.collect() }
    if let last { promise.succeed(last) }
    return promise.futureResult
  }

  /// Which topics are to be delivered to, with their numbers, and the cursor to answer with.
  private func number(
    _ topics: [Topic], id: String?, state: inout State
  ) -> (fresh: [(topic: Topic, sequence: UInt64)], last: Cursor) {
    var fresh: [(topic: Topic, sequence: UInt64)] = []
    var last = state.sequence
    let now = id == nil ? 0 : uptime()
    for topic in topics {
      if let id, let first = state.answered.sequence(topic: topic, id: id, now: now) {
        last = first
        continue
      }
      state.sequence += 1
      last = state.sequence
      fresh.append((topic, last))
      if let id { state.answered.record(topic: topic, id: id, sequence: last, now: now) }
    }
    return (fresh, Cursor(epoch: epoch, sequence: last))
  }
}
