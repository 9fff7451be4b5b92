import NotifluxProtocol

/// One connection in envelope mode (`notiflux.v1`), as far as its meaning goes. Pure.
///
/// Topics that go on from the same place with the same token are asked for together, which gives one replay in the
/// log's order.
struct EnvelopeSession: Session {
  private struct Request {
    let topics: [Topic]
    let since: Cursor?
    let token: String
  }

  private var places = ResumePositions()
  /// Where the connections before this one left off, of topics that were not asked for yet.
  private var resuming: [Topic: Cursor]
  /// Not answered yet, by their ids.
  private var requests: [Int: Request] = [:]
  /// The request that each held topic waits for an answer to, if any. Older answers do not count for it.
  private var awaited: [Topic: Int] = [:]
  /// The replays that have not ended, the oldest first.
  private var replays: [(request: Int, topics: [Topic])] = []
  private var lastID = 0
  private(set) var epoch: String?

  /// Topics that have a place in `positions` go on from there.
  init(resuming positions: [Topic: Cursor] = [:]) { resuming = positions }

  var positions: [Topic: Cursor] { places.all.merging(resuming) { held, _ in held } }

  func holds(_ topic: Topic) -> Bool { awaited[topic] != nil || places.lane(of: topic) != nil }

  // MARK: - Asking

  mutating func subscribe(_ topics: [Topic], since: Cursor?, token: String) -> [LinkCommand] {
    for topic in topics { places.hold(topic, after: resuming.removeValue(forKey: topic) ?? since) }
    var order: [Cursor?] = []
    var groups: [Cursor?: [Topic]] = [:]
    for topic in topics {
      let since = places.position(of: topic)
      if groups[since] == nil { order.append(since) }
      groups[since, default: []].append(topic)
    }
    return order.flatMap { since in
      Self.chunks(groups[since] ?? [], beside: token).map { request(Request(topics: $0, since: since, token: token)) }
    }
  }

  mutating func unsubscribe(_ topic: Topic) -> [LinkCommand] {
    resuming[topic] = nil
    guard holds(topic) else { return [] }
    places.release(topic)
    awaited[topic] = nil
    forgetEmptyReplays()
    return [Self.text(ClientEnvelope(.unsubscribe(topic)))]
  }

  mutating func unsubscribeAll() -> [LinkCommand] {
    places.releaseAll()
    (resuming, awaited, replays) = ([:], [:], [])
    return [Self.text(ClientEnvelope(.unsubscribeAll))]
  }

  mutating func speakFreely() {}

  private mutating func request(_ request: Request) -> LinkCommand {
    lastID += 1
    requests[lastID] = request
    for topic in request.topics { awaited[topic] = lastID }
    let isList = request.topics.count > 1
    let subscribe = ClientEnvelope.Request.subscribe(
      topics: request.topics, isList: isList, token: request.token, since: request.since)
    return Self.text(ClientEnvelope(subscribe, id: RequestID(lastID)))
  }

  private static func text(_ envelope: ClientEnvelope) -> LinkCommand {
    .text(String(decoding: envelope.json, as: UTF8.self))
  }

  /// As few parts as fit what one request may name and one message may hold.
  private static func chunks(_ topics: [Topic], beside token: String) -> [[Topic]] {
    // Quoted twice as long at the most; the rest of the request is shorter than 256 bytes.
    let space = Limits.clientMessage - 2 * token.utf8.count - 256
    var chunks: [[Topic]] = []
    var length = 0
    for topic in topics {
      let cost = JSONValue.string(topic.text).serialized().count + 1
      if chunks.isEmpty || length + cost > space || chunks[chunks.count - 1].count == Limits.topicsPerBroadcast {
        chunks.append([])
        length = 0
      }
      chunks[chunks.count - 1].append(topic)
      length += cost
    }
    return chunks
  }

  // MARK: - Hearing

  mutating func received(_ event: LinkEvent) -> Reaction {
    guard case .text(var text) = event,
      let envelope = text.withUTF8({ ServerEnvelope(json: UnsafeRawBufferPointer($0)) })
    else { return Reaction() }
    switch envelope {
    case .message(let topic, let cursor, let data):
      guard places.message(of: topic, at: cursor) else { return Reaction() }
      return Reaction(events: [.message(Message(topic: topic, data: data, cursor: cursor))])
    case .gap(let topic, let from, let to):
      guard let start = places.gap(of: topic, from: from, to: to) else { return Reaction() }
      return Reaction(events: [.gap(Gap(topic: topic, from: start, to: to))])
    case .subscribed(_, let cursor, let id): return Reaction(events: subscribed(id, cursor))
    case .caughtUp(let subject, let cursor):
      let topics = caughtUp(subject.topics, cursor)
      return Reaction(events: topics.isEmpty ? [] : [.caughtUp(topics, cursor)])
    case .error(let refusal, _, let id): return refused(id, refusal)
    case .welcome(let head, _):
      epoch = head.epoch
      return Reaction()
    case .unsubscribed, .pong: return Reaction()
    }
  }

  /// Takes the request an answer is to, with those of its topics that wait for no later one.
  private mutating func answered(_ id: RequestID?) -> (number: Int, request: Request, topics: [Topic])? {
    guard let number = id?.value.number?.int, let request = requests.removeValue(forKey: number) else { return nil }
    let topics = request.topics.filter { awaited[$0] == number }
    for topic in topics { awaited[topic] = nil }
    return (number, request, topics)
  }

  /// With `since` the cursor only repeats it, at best: what counts is what the replay brings.
  private mutating func subscribed(_ id: RequestID?, _ cursor: Cursor) -> [SubscriptionEvent] {
    guard let (number, request, topics) = answered(id) else { return [] }
    let lane: ResumePositions.Lane = request.since == nil ? .live : .replay(number)
    // A held topic that was asked for once more meanwhile has changed its lane all the same.
    let asked = Set(topics)
    for topic in request.topics where asked.contains(topic) || places.lane(of: topic) != nil {
      places.move(topic, to: lane, from: cursor)
    }
    if lane != .live { replays.append((number, request.topics)) }
    forgetEmptyReplays()
    return topics.map { .subscribed($0, cursor) }
  }

  /// Those whose topics were given up, or asked for anew.
  private mutating func forgetEmptyReplays() {
    replays.removeAll { replay in
      !replay.topics.contains { places.lane(of: $0) == .replay(replay.request) }
    }
  }

  /// A replay is known by the topics it was asked for with. Those of them that have left it since then are not meant.
  private mutating func caughtUp(_ topics: [Topic], _ cursor: Cursor) -> [Topic] {
    guard let index = replays.firstIndex(where: { $0.topics == topics }) else { return [] }
    return places.caughtUp(on: .replay(replays.remove(at: index).request), of: topics, at: cursor)
  }

  private mutating func refused(_ id: RequestID?, _ refusal: Refusal) -> Reaction {
    guard let (number, request, topics) = answered(id) else { return Reaction() }
    if refusal.code == .draining {
      // The connection is about to be closed; the next one asks again.
      for topic in topics { awaited[topic] = number }
      return Reaction()
    }
    if request.topics.count > 1 && !refusal.code.isAboutToken {
      // Some of them may be fine.
      let again = topics.map { Request(topics: [$0], since: request.since, token: request.token) }
      return Reaction(commands: again.map { self.request($0) })
    }
    let reason = ClientError.line(refusal.message, limit: 400)
    for topic in topics where places.lane(of: topic) == nil { places.release(topic) }
    return Reaction(events: topics.map { .refused($0, reason: reason) })
  }
}

extension ErrorCode {
  /// Whether a token with this fault is refused for whatever topic.
  fileprivate var isAboutToken: Bool {
    switch self {
    case .tokenMissing, .tokenMalformed, .tokenSignature, .tokenExpired, .tokenNotYetValid, .tokenClaims, .tokenScope:
      true
    case .topicNotAllowed, .topicInvalid, .badRequest, .tooLarge, .tooManySubscriptions, .rateLimited, .notFound,
      .methodNotAllowed, .unsupportedMediaType, .timeout, .draining, .internal:
      false
    }
  }
}
