import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// Random lives of a log beside its model.
@Suite("The message log against its model")
struct MessageLogPropertyTests {
  @Test("every reader gets each message once and in order, or a gap over exactly what is gone", arguments: 1...60)
  func model(seed: Int) throws {
    var life = try LogLife(seed: UInt64(seed))
    for _ in 0..<250 {
      life.step()
      try #require(life.faults == [])
    }
    life.finish()
    #expect(life.faults == [])
  }

  @Test("the random lives do reach every kind of item and eviction")
  func coverage() throws {
    var seen = Set<String>()
    for seed in 1...25 {
      var life = try LogLife(seed: UInt64(seed))
      for _ in 0..<250 { life.step() }
      seen.formUnion(life.seen)
    }
    let all = [
      "message", "gap", "first gap", "second gap", "gap ahead", "resumed", "count", "age", "bytes", "too large",
    ]
    #expect(seen == Set(all))
  }
}

/// One random life: a log, its model, and clients that come, read, are cut and resume.
private struct LogLife {
  private var random: SeededGenerator
  private let topics: [Topic]
  private var log: MessageLog<TestPayload>
  private var model: ModelLog
  private var readers: [ModelReader] = []
  private var now = 0.0
  private(set) var faults: [String] = []
  /// The kinds of things that happened.
  private(set) var seen = Set<String>()

  init(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed &* 0x9E37_79B9_7F4A_7C15)
    let limits = HistoryLimits(
      messagesPerTopic: [0, 1, 2, 3, 5, 10, 1000].randomElement(using: &random) ?? 1,
      lifetime: [0, 1, 5, 20, 1000].randomElement(using: &random) ?? 1,
      bytes: [0, 1000, 3000, 8000, 1 << 30].randomElement(using: &random) ?? 1)
    topics = try (0..<Int.random(in: 1...6, using: &random)).map { try Topic("t\($0)") }
    log = MessageLog(limits: limits)
    model = ModelLog(limits: limits)
    self.random = random
  }

  mutating func step() {
    now += [0, 0, 0.1, 0.5, 1, 4, -2].randomElement(using: &random) ?? 0
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<10: append()
    case 10:
      log.expire(now: now)
      model.expire(now: now)
    case 11: open()
    default: if !readers.isEmpty { read(Int.random(in: 0..<readers.count, using: &random)) }
    }
    check()
  }

  /// Lets every reader read to the end.
  mutating func finish() {
    for index in readers.indices {
      var pages = 0
      while !readers[index].reader.isCaughtUp(with: log.head), faults.isEmpty {
        read(index)
        pages += 1
        if pages > 2000 { faults.append("a reader never catches up") }
      }
    }
  }

  private mutating func append() {
    // The first topics are busier than the last.
    let choices = (0..<2).map { _ in Int.random(in: 0..<topics.count, using: &random) }
    let choice = min(choices[0], choices[1])
    let bytes = [0, 1, 100, 400, 2000].randomElement(using: &random) ?? 0
    let payload = TestPayload(text: "\(log.head + 1)", byteCount: bytes)
    log.append(payload, to: topics[choice], now: now)
    model.append(bytes, to: topics[choice], now: now)
  }

  private mutating func open() {
    if readers.count >= 4 { readers.removeFirst() }
    let wanted = Array(topics.shuffled(using: &random).prefix(Int.random(in: 1...topics.count, using: &random)))
    // At times ahead of the log, which counts as a cursor of another log.
    let after: UInt64? =
      Int.random(in: 0..<4, using: &random) == 0 ? nil : .random(in: 0...log.head + 1, using: &random)
    let reader = ModelReader(log.openReader(topics: wanted, after: after), topics: wanted)
    if reader.position != after, after.map({ $0 <= log.head }) == true { faults.append("opened at the wrong place") }
    readers.append(reader)
  }

  private mutating func read(_ index: Int) {
    let maximumItems = [1, 1, 2, 3, 1000].randomElement(using: &random) ?? 1
    let maximumBytes = [0, 500, 1_000_000].randomElement(using: &random) ?? 0
    let items = log.read(&readers[index].reader, maximumItems: maximumItems, maximumBytes: maximumBytes, now: now)
    model.expire(now: now)
    // At times the connection is cut after some of the page, and the client resumes from there.
    let taken =
      Int.random(in: 0..<6, using: &random) == 0 ? Int.random(in: 0...items.count, using: &random) : items.count
    for item in items.prefix(taken) {
      note(item)
      readers[index].take(item, model)
    }
    if taken < items.count {
      let (wanted, position) = (readers[index].topics, readers[index].position)
      faults += readers[index].faults
      readers[index] = ModelReader(log.openReader(topics: wanted, after: position), topics: wanted)
      if position != nil { seen.insert("resumed") }
    } else {
      readers[index].endPage(items, maximumItems: maximumItems, maximumBytes: maximumBytes, model)
    }
    faults += readers[index].faults
  }

  private mutating func note(_ item: LogItem<TestPayload>) {
    switch item {
    case .message: seen.insert("message")
    case .gap(let gap):
      seen.insert(gap.from == nil ? "first gap" : gap.position == nil ? "second gap" : "gap")
      if let position = gap.position, position < gap.to { seen.insert("gap ahead") }
    }
  }

  private mutating func check() {
    func expect(_ condition: Bool, _ rule: @autoclosure () -> String) { if !condition { faults.append(rule()) } }
    let retained = model.retained
    expect(log.head == model.head, "head \(log.head), not \(model.head)")
    expect(log.messageCount == retained.count, "\(log.messageCount) messages, not \(retained.count)")
    expect(log.topicCount == model.lostThrough.count, "\(log.topicCount) topics, not \(model.lostThrough.count)")
    expect(log.byteCount == model.byteCount, "\(log.byteCount) bytes, not \(model.byteCount)")
    expect(log.byteCount <= log.limits.bytes, "\(log.byteCount) bytes are over the limit")
    expect(log.evictions == model.evictions, "\(log.evictions), not \(model.evictions)")
    expect(log.forgottenThrough == model.forgottenThrough, "forgotten through \(log.forgottenThrough)")
    expect(log.queue.count <= 2 * log.messageCount + 34, "\(log.queue.count) entries for \(log.messageCount)")
    for topic in topics {
      expect(model.retained(of: topic).count <= log.limits.messagesPerTopic, "too many messages of \(topic)")
    }
    if let first = retained.first, !model.sawTooLarge {
      expect(model.forgottenThrough < first.sequence, "forgotten beyond what is retained")
    }
    if log.evictions.count > 0 { seen.insert("count") }
    if log.evictions.age > 0 { seen.insert("age") }
    if log.evictions.bytes > 0 { seen.insert("bytes") }
    if model.sawTooLarge { seen.insert("too large") }
  }
}
