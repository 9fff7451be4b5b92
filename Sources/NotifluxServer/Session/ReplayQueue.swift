import NotifluxJWT
import NotifluxProtocol

/// The subscriptions of one connection that still read from the log, in the order they were asked for; a topic is in one
/// at the most. Confined to its event loop.
final class ReplayQueue {
  struct Entry {
    let subject: ServerEnvelope.Subject
    var topics: [Topic]
    var replay: Replay
    /// Of the token that opened the topics.
    let names: TokenNames?
  }

  private var entries: [Entry] = []
  /// The next page goes out in a turn to come.
  var isPageDue = false
  /// Bytes of the log that may be unsent still: the socket sets the pace for them, so they do not count as pending.
  var unsentBytes = 0

  var isEmpty: Bool { entries.isEmpty }
  var topicCount: Int { entries.reduce(0) { $0 + $1.topics.count } }

  /// Whose turn it is. Only while there is one.
  var first: Entry {
    get { entries[0] }
    set { entries[0] = newValue }
  }

  func append(_ entry: Entry) { entries.append(entry) }

  func removeFirst() { entries.removeFirst() }

  func holds(_ topic: Topic) -> Bool { entries.contains { $0.topics.contains(topic) } }

  /// Whether a token that is revoked by now has opened any of them.
  func isOpened(by revocations: RevocationList) -> Bool {
    entries.contains { $0.names.map(revocations.holds) ?? false }
  }

  /// The position of the reading that is furthest behind, among those of `topics`.
  func position(of topics: [Topic]) -> UInt64? {
    entries.filter { entry in topics.contains { entry.topics.contains($0) } }.map(\.replay.position).min()
  }

  func remove(_ topic: Topic) {
    guard let index = entries.firstIndex(where: { $0.topics.contains(topic) }) else { return }
    entries[index].topics.removeAll { $0 == topic }
    entries[index].replay.remove(topic)
    if entries[index].topics.isEmpty { entries.remove(at: index) }
  }
}

@available(*, unavailable)
extension ReplayQueue: Sendable {}
