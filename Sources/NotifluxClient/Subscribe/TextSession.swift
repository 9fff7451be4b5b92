import NotifluxProtocol

/// One connection in text mode, as far as its meaning goes. Pure.
///
/// Text mode answers a `/subscribe` only where it refuses. So each command is followed by a WebSocket ping, a *fence*:
/// the server takes frames in order, and a pong that comes without a refusal before it is the confirmation. A text is
/// taken for a reply only while the fence of a command it can belong to is open.
struct TextSession: Session {
  private struct Fence {
    let number: UInt64
    var command: Command
  }

  private enum Command: Equatable {
    case subscribe(Topic, isRefused: Bool)
    case unsubscribe([Topic])
  }

  /// Subscribed, or asked for.
  private(set) var topics: [Topic] = []
  /// Unsubscribed from, but messages may still be on their way.
  private var leaving: [Topic] = []
  private var fences: [Fence] = []
  private var lastFence: UInt64 = 0
  /// Whether the user has sent commands that are not tracked here.
  private var hasSpokenFreely = false
  /// The one topic that messages can be of.
  private var onlyTopic: Topic?

  mutating func subscribe(_ topic: Topic, token: String) -> [LinkCommand] {
    if !topics.contains(topic) { topics.append(topic) }
    return issue(.subscribe(topic: topic.text, token: token), as: .subscribe(topic, isRefused: false))
  }

  mutating func unsubscribe(_ topic: Topic) -> [LinkCommand] {
    guard let index = topics.firstIndex(of: topic) else { return [] }
    topics.remove(at: index)
    leaving.append(topic)
    return issue(.unsubscribe(topic: topic.text), as: .unsubscribe([topic]))
  }

  mutating func unsubscribeAll() -> [LinkCommand] {
    let all = topics
    topics = []
    leaving += all
    return issue(.unsubscribeAll, as: .unsubscribe(all))
  }

  /// From now on messages do not tell their topic, for nobody knows what has been subscribed to.
  mutating func speakFreely() {
    hasSpokenFreely = true
    findOnlyTopic()
  }

  mutating func received(text: String) -> SubscriptionEvent {
    for (index, fence) in fences.enumerated() {
      guard case .subscribe(let topic, false) = fence.command, let reason = Self.refusal(of: topic, in: text) else {
        continue
      }
      fences[index].command = .subscribe(topic, isRefused: true)
      // Unless it has been asked for once more meanwhile.
      if !fences.contains(where: { $0.command == .subscribe(topic, isRefused: false) }) {
        topics.removeAll { $0 == topic }
        findOnlyTopic()
      }
      return .refused(topic, reason: ClientError.line(reason, limit: 400))
    }
    return .message(Message(topic: onlyTopic, data: text))
  }

  /// A server may answer only the last of several pings (RFC 6455 §5.5.3); its pong then stands for all.
  mutating func received(pong number: UInt64) -> [SubscriptionEvent] {
    let passed = fences.prefix { $0.number <= number }
    guard !passed.isEmpty else { return [] }
    fences.removeFirst(passed.count)
    var events: [SubscriptionEvent] = []
    for fence in passed {
      switch fence.command {
      case .subscribe(let topic, isRefused: false): events.append(.subscribed(topic, nil))
      case .subscribe(_, isRefused: true): break
      case .unsubscribe(let topics):
        for topic in topics { if let index = leaving.firstIndex(of: topic) { leaving.remove(at: index) } }
      }
    }
    findOnlyTopic()
    return events
  }

  private mutating func issue(_ command: ClientCommand, as meaning: Command) -> [LinkCommand] {
    lastFence += 1
    fences.append(Fence(number: lastFence, command: meaning))
    findOnlyTopic()
    return (command.text.map { [.text($0)] } ?? []) + [.ping(lastFence)]
  }

  private mutating func findOnlyTopic() {
    let possible = Set(topics + leaving)
    onlyTopic = possible.count == 1 && !hasSpokenFreely ? possible.first : nil
  }

  private static func refusal(of topic: Topic, in text: String) -> String? {
    if text.hasSameBytes(as: ServerReply.malformedSubscribe) || text.hasSameBytes(as: ServerReply.unknownCommand) {
      return text
    }
    let start = ServerReply.refusalStart(topic: topic.text)
    guard text.utf8.starts(with: start.utf8) else { return nil }
    return String(Substring(text.utf8.dropFirst(start.utf8.count)))
  }
}

extension TextSession {
  var positions: [Topic: Cursor] { [:] }
  var epoch: String? { nil }

  func holds(_ topic: Topic) -> Bool { topics.contains(topic) }

  mutating func subscribe(_ topics: [Topic], since: Cursor?, token: String) -> [LinkCommand] {
    topics.flatMap { subscribe($0, token: token) }
  }

  mutating func received(_ event: LinkEvent) -> Reaction {
    switch event {
    case .text(let text): Reaction(events: [received(text: text)])
    case .pong(let number): Reaction(events: received(pong: number))
    case .ended: Reaction()
    }
  }
}
