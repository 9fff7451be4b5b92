import NotifluxProtocol

@testable import NotifluxClient

/// A hub as the protocol describes it, in the plainest way: one log, of which parts get lost, and one connection on which
/// everything is said one envelope at a time. Replays are paced: publishing and losing go on between two of their
/// messages.
struct ModelServer {
  struct Entry {
    let topic: Topic
    let sequence: UInt64
    var isRetained = true
  }

  private struct Replay {
    let subject: ServerEnvelope.Subject
    var topics: [Topic]
    /// What each topic has been told of, messages and gaps.
    var told: [Topic: Cursor]
    /// Messages up to here have been looked at.
    var position: UInt64
  }

  private(set) var epoch = "e0"
  private(set) var log: [Entry] = []
  /// All logs there were, by epoch.
  private(set) var history: [String: [Entry]] = [:]
  private var restarts = 0

  private var live: [Topic: UInt64] = [:]
  /// Live messages up to here have been said.
  private var delivered: UInt64 = 0
  private var replays: [Replay] = []
  private var inbox: [ClientEnvelope] = []

  /// Whether there is something to answer, replay or deliver.
  var hasWork: Bool { !inbox.isEmpty || !replays.isEmpty || delivered < head }

  var head: UInt64 { log.last?.sequence ?? 0 }

  func cursor(_ sequence: UInt64) -> Cursor { Cursor(epoch: epoch, sequence: sequence) }

  mutating func publish(to topic: Topic) {
    log.append(Entry(topic: topic, sequence: head + 1))
    history[epoch] = log
  }

  /// Loses the oldest `count` messages of a topic.
  mutating func lose(_ count: Int, of topic: Topic) {
    let retained = log.indices.filter { log[$0].topic == topic && log[$0].isRetained }
    for index in retained.prefix(count) { log[index].isRetained = false }
  }

  /// Begins a new log, with nothing of the old one.
  mutating func restart() {
    restarts += 1
    (epoch, log) = ("e\(restarts)", [])
    history[epoch] = []
  }

  /// Forgets the connection, and welcomes another.
  mutating func accept() -> ServerEnvelope {
    (live, replays, inbox, delivered) = ([:], [], [], head)
    return .welcome(cursor(head), pingInterval: 15)
  }

  mutating func receive(_ envelope: ClientEnvelope) { inbox.append(envelope) }

  /// The next things to say, of which `chance` picks one source; empty when there is nothing to do.
  mutating func next(_ chance: inout SeededGenerator) -> [ServerEnvelope] {
    var sources: [Int] = []
    if !inbox.isEmpty { sources.append(0) }
    if delivered < head { sources.append(1) }
    sources += replays.indices.map { $0 + 2 }
    switch sources.randomElement(using: &chance) {
    case nil: return []
    case 0?: return answer(inbox.removeFirst())
    case 1?: return sayLive()
    case let source?: return sayReplay(source - 2)
    }
  }

  private mutating func answer(_ envelope: ClientEnvelope) -> [ServerEnvelope] {
    switch envelope.request {
    case .subscribe(let topics, let isList, _, let since):
      let subject: ServerEnvelope.Subject = isList ? .topics(topics) : .topic(topics[0])
      guard let since else {
        for topic in topics where live[topic] == nil && !isReplayed(topic) { live[topic] = delivered }
        return [.subscribed(subject, cursor(delivered), id: envelope.id)]
      }
      for topic in topics { release(topic) }
      let isKnown = since.epoch == epoch && since.sequence <= head
      let told = Dictionary(uniqueKeysWithValues: topics.map { ($0, since) })
      replays.append(
        Replay(subject: subject, topics: topics, told: told, position: isKnown ? since.sequence : 0))
      var answer: [ServerEnvelope] = [.subscribed(subject, isKnown ? since : cursor(head), id: envelope.id)]
      if !isKnown { answer += startOver(topics, since, replays.count - 1) }
      return answer
    case .unsubscribe(let topic):
      release(topic)
      return [.unsubscribed(topic, id: envelope.id)]
    case .unsubscribeAll:
      (live, replays) = ([:], [])
      return [.unsubscribed(nil, id: envelope.id)]
    case .ping: return [.pong(id: envelope.id)]
    }
  }

  private func isReplayed(_ topic: Topic) -> Bool { replays.contains { $0.topics.contains(topic) } }

  private mutating func release(_ topic: Topic) {
    live[topic] = nil
    for index in replays.indices { replays[index].topics.removeAll { $0 == topic } }
    replays.removeAll { $0.topics.isEmpty }
  }

  /// Gaps for a cursor that means nothing here.
  private mutating func startOver(_ topics: [Topic], _ since: Cursor, _ replay: Int) -> [ServerEnvelope] {
    topics.map { topic in
      let first = log.first { $0.topic == topic && $0.isRetained }
      let end = cursor(first.map { $0.sequence - 1 } ?? head)
      replays[replay].told[topic] = end
      return .gap(topic: topic, from: since, to: end)
    }
  }

  private mutating func sayLive() -> [ServerEnvelope] {
    delivered += 1
    let entry = log[Int(delivered) - 1]
    guard let after = live[entry.topic], after < delivered else { return [] }
    return [.message(topic: entry.topic, cursor(delivered), data: "\(delivered)")]
  }

  /// The next message of a replay, after the gaps that lie before it.
  private mutating func sayReplay(_ index: Int) -> [ServerEnvelope] {
    var replay = replays[index]
    var said: [ServerEnvelope] = []
    let rest = log.dropFirst(Int(replay.position)).filter { replay.topics.contains($0.topic) }
    let next = rest.first(where: \.isRetained)
    for topic in replay.topics {
      let lost = rest.prefix { $0.sequence < next?.sequence ?? .max }.last { $0.topic == topic }
      guard let lost, let told = replay.told[topic], lost.sequence > told.sequence else { continue }
      said.append(.gap(topic: topic, from: told, to: cursor(lost.sequence)))
      replay.told[topic] = cursor(lost.sequence)
    }
    if let next {
      said.append(.message(topic: next.topic, cursor(next.sequence), data: "\(next.sequence)"))
      replay.told[next.topic] = cursor(next.sequence)
      replay.position = next.sequence
      replays[index] = replay
    } else {
      replays.remove(at: index)
      for topic in replay.topics { live[topic] = head }
      said.append(.caughtUp(replay.subject, cursor(head)))
    }
    return said
  }
}
