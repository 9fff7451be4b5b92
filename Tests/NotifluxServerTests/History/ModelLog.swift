import NotifluxProtocol

@testable import NotifluxServer

/// The log as one would write it without a thought of cost: every message ever appended, and whether it is retained.
struct ModelLog {
  struct Message {
    let sequence: UInt64
    let topic: Topic
    let time: Double
    let bytes: Int
    var isRetained = true
  }

  let limits: HistoryLimits
  var messages: [Message] = []
  var evictions = EvictionCounts()
  /// Of topics with something retained only.
  var lostThrough: [Topic: UInt64] = [:]
  var forgottenThrough: UInt64 = 0
  /// A message too large to be retained was the exception to oldest first.
  var sawTooLarge = false
  private var clock = -Double.infinity

  init(limits: HistoryLimits) { self.limits = limits }

  var head: UInt64 { UInt64(messages.count) }
  var retained: [Message] { messages.filter(\.isRetained) }

  var byteCount: Int {
    retained.reduce(0) { $0 + $1.bytes + HistoryLimits.messageOverhead }
      + lostThrough.keys.reduce(0) { $0 + $1.text.utf8.count + HistoryLimits.topicOverhead }
  }

  func retained(of topic: Topic) -> [Message] { retained.filter { $0.topic == topic } }

  /// Up to where the log takes the topic's messages for gone.
  func loss(of topic: Topic) -> UInt64 { lostThrough[topic] ?? forgottenThrough }

  /// Whether a message of the topic was appended with `low` < number ≤ `high`.
  func hasMessage(of topic: Topic, after low: UInt64, through high: UInt64) -> Bool {
    low < high && messages[Int(low)..<Int(min(high, head))].contains { $0.topic == topic }
  }

  mutating func append(_ bytes: Int, to topic: Topic, now: Double) {
    expire(now: now)
    messages.append(Message(sequence: head + 1, topic: topic, time: clock, bytes: bytes))
    let isOff = limits.messagesPerTopic == 0 || limits.bytes == 0 || limits.lifetime == 0
    let alone = bytes + HistoryLimits.messageOverhead + topic.text.utf8.count + HistoryLimits.topicOverhead
    if isOff {
      messages[messages.count - 1].isRetained = false
      forgottenThrough = head
    } else if alone > limits.bytes {
      sawTooLarge = true
      lostThrough[topic] = lostThrough[topic] ?? forgottenThrough
      for message in retained(of: topic) {
        evictions.bytes += 1
        evict(message)
      }
    } else {
      lostThrough[topic] = lostThrough[topic] ?? forgottenThrough
      if retained(of: topic).count > limits.messagesPerTopic, let oldest = retained(of: topic).first {
        evictions.count += 1
        evict(oldest)
      }
      while byteCount > limits.bytes, let oldest = retained.first {
        evictions.bytes += 1
        evict(oldest)
      }
    }
  }

  mutating func expire(now: Double) {
    clock = max(clock, now)
    while let oldest = retained.first, clock >= oldest.time + limits.lifetime {
      evictions.age += 1
      evict(oldest)
    }
  }

  private mutating func evict(_ message: Message) {
    messages[Int(message.sequence) - 1].isRetained = false
    if retained(of: message.topic).isEmpty {
      lostThrough[message.topic] = nil
      forgottenThrough = max(forgottenThrough, message.sequence)
    } else {
      lostThrough[message.topic] = message.sequence
    }
  }
}

/// A client that checks all it is handed against the model: nothing lost in silence, doubled or out of order.
struct ModelReader {
  var reader: LogReader
  let topics: [Topic]
  /// Up to here everything of all topics is delivered or told to be gone; `nil`: the cursor of another log.
  var position: UInt64?
  /// The same for one topic; a cursor of another log has `nil` until its topic has had the gap.
  var covered: [Topic: UInt64] = [:]
  var faults: [String] = []

  init(_ reader: LogReader, topics: [Topic]) {
    self.reader = reader
    self.topics = topics
    position = reader.position
    for topic in topics { covered[topic] = position }
  }

  mutating func take(_ item: LogItem<TestPayload>, _ model: ModelLog) {
    switch item {
    case .gap(let gap): take(gap, model)
    case .message(let topic, let sequence, let payload): take(topic, sequence, payload, model)
    }
    guard let next = item.position else {
      if position != nil { faults.append("the position is withdrawn at \(item.word)") }
      return
    }
    if let position, next < position { faults.append("the position goes back at \(item.word)") }
    position = next
    for topic in topics {
      guard let covered = covered[topic] else {
        faults.append("\(item.word) moves the position before \(topic) has had its gap")
        continue
      }
      if model.hasMessage(of: topic, after: covered, through: next) {
        faults.append("a client that resumes after \(item.word) loses messages of \(topic) in silence")
      }
      self.covered[topic] = max(covered, next)
    }
  }

  private mutating func take(_ gap: LogGap, _ model: ModelLog) {
    let topic = gap.topic
    if gap.from != covered[topic] { faults.append("\(gap) does not begin where the topic stood") }
    if model.retained(of: topic).contains(where: { $0.sequence > gap.from ?? 0 && $0.sequence <= gap.to }) {
      faults.append("\(gap) hides a retained message")
    }
    let end =
      gap.from == nil ? model.retained(of: topic).first.map { $0.sequence - 1 } ?? model.head : model.loss(of: topic)
    if gap.to != end || gap.from.map({ $0 >= gap.to }) == true { faults.append("\(gap) should end at \(end)") }
    covered[topic] = gap.to
  }

  private mutating func take(_ topic: Topic, _ sequence: UInt64, _ payload: TestPayload, _ model: ModelLog) {
    guard let covered = covered[topic] else { return faults.append("\(topic)\(sequence) came before the gap") }
    if sequence <= covered { faults.append("\(topic)\(sequence) is doubled or out of order") }
    if model.hasMessage(of: topic, after: covered, through: sequence - 1) {
      faults.append("messages of \(topic) before \(sequence) are missing")
    }
    let message = model.messages[Int(sequence) - 1]
    if message.topic != topic || payload.text != "\(sequence)" || !message.isRetained {
      faults.append("\(topic)\(sequence) is not the retained message of that number")
    }
    self.covered[topic] = sequence
  }

  /// What must hold of a whole page, and when nothing is left.
  mutating func endPage(_ items: [LogItem<TestPayload>], maximumItems: Int, maximumBytes: Int, _ model: ModelLog) {
    var bytes = 0
    for case .message(_, _, let payload) in items { bytes += payload.byteCount }
    if items.count > maximumItems || (bytes > maximumBytes && items.count > 1) {
      faults.append("the page is too large")
    }
    guard reader.isCaughtUp(with: model.head) else {
      if items.isEmpty { faults.append("an empty page though not caught up") }
      return
    }
    for topic in topics where model.hasMessage(of: topic, after: covered[topic] ?? 0, through: model.head) {
      faults.append("caught up, but messages of \(topic) are missing")
    }
    position = model.head
    for topic in topics { covered[topic] = model.head }
  }
}
