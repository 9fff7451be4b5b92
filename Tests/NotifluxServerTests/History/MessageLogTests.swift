import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite("The message log")
struct MessageLogTests {
  let a: Topic
  let b: Topic
  let c: Topic

  init() throws {
    a = try Topic("a")
    b = try Topic("b")
    c = try Topic("c")
  }

  private func log(
    perTopic: Int = 100, lifetime: Double = 300, bytes: Int = 1 << 20
  ) -> MessageLog<TestPayload> {
    MessageLog(limits: HistoryLimits(messagesPerTopic: perTopic, lifetime: lifetime, bytes: bytes))
  }

  /// What one message of `size` bytes of a topic of its own, with a name of one byte, is charged.
  private func charge(_ size: Int) -> Int { size + 1 + HistoryLimits.messageOverhead + HistoryLimits.topicOverhead }

  // MARK: Numbers and limits

  @Test("the first message is number 1, and each has the next over all topics")
  func numbers() {
    var log = log()
    #expect(log.head == 0)
    #expect([log.append("x", a), log.append("y", b), log.append("z", a)] == [1, 2, 3])
    #expect(log.head == 3)
  }

  @Test("a topic keeps its newest messages up to the limit, whatever the other topics do")
  func countLimit() {
    var log = log(perTopic: 2)
    for topic in [a, a, b, a] { log.append("x", topic) }
    #expect(log.words(a, b, after: 0) == "a(0,1]@1 a2 b3 a4")
    #expect(log.messageCount == 3)
    #expect(log.evictions == EvictionCounts(count: 1))
  }

  @Test("a message is there until just before its lifetime is over, and gone at the end of it")
  func ageLimit() {
    var log = log(lifetime: 10)
    log.append("x", a, at: 5)
    log.append("y", a, at: 6)
    log.expire(now: 14.999)
    #expect(log.messageCount == 2)
    log.expire(now: 15)
    #expect(log.messageCount == 1)
    #expect(log.evictions == EvictionCounts(age: 1))
    #expect(log.words(a, after: 0, at: 15) == "a(0,1]@1 a2")
  }

  @Test("reading lets go of what is too old first, so an old message is never handed out")
  func ageAtReading() {
    var log = log(lifetime: 10)
    log.append("x", a, at: 0)
    #expect(log.words(a, after: 0, at: 10) == "a(0,1]@1")
  }

  @Test("a clock that goes back stands still: a message of that time has its whole lifetime")
  func clockGoesBack() {
    var log = log(lifetime: 10)
    log.expire(now: 100)
    log.append("x", a, at: 50)
    log.expire(now: 109.5)
    log.expire(now: 60)
    #expect(log.messageCount == 1)
    log.expire(now: 110)
    #expect(log.messageCount == 0)
  }

  @Test("over the byte limit the oldest messages of all topics go, and no more than needed")
  func byteLimit() {
    var log = log(bytes: 3 * charge(100))
    for topic in [a, b, c] { log.append(TestPayload(byteCount: 100), to: topic, now: 0) }
    #expect(log.byteCount == log.limits.bytes)
    log.append(TestPayload(byteCount: 100), to: c, now: 0)
    #expect(log.byteCount == 2 * charge(100) + 100 + HistoryLimits.messageOverhead)
    #expect(log.evictions == EvictionCounts(bytes: 1))
    #expect(log.words(a, b, c, after: 0) == "a(0,1]@1 b2 c3 c4")
  }

  @Test("a message that fits only alone drives out all others, one byte more drives out only its topic's")
  func tooLarge() {
    var log = log(bytes: charge(1000))
    log.append("x", a)
    log.append(TestPayload(byteCount: 1000), to: b, now: 0)
    #expect(log.byteCount == log.limits.bytes)
    #expect(log.words(a, b, after: 0) == "a(0,1]@1 b2")
    log.append("z", c)
    log.append(TestPayload(byteCount: 1001), to: c, now: 0)
    #expect(log.messageCount == 0)
    #expect(log.evictions == EvictionCounts(bytes: 4))
    log.append("x", a)
    log.append(TestPayload(byteCount: 1001), to: c, now: 0)
    #expect(log.words(a, c, after: 4) == "c(4,6]@4 a5")
  }

  @Test(
    "without messages per topic, bytes or lifetime nothing is retained, and whoever is behind is told",
    arguments: [(0, 300, 1 << 20), (100, 300, 0), (100, 0, 1 << 20)])
  func nothingRetained(perTopic: Int, lifetime: Double, bytes: Int) {
    var log = log(perTopic: perTopic, lifetime: lifetime, bytes: bytes)
    #expect(log.append("x", a) == 1)
    #expect(log.append("y", b) == 2)
    #expect(log.messageCount == 0 && log.topicCount == 0 && log.byteCount == 0)
    #expect(log.evictions == EvictionCounts())
    #expect(log.words(a, after: 1) == "a(1,2]@2")
    #expect(log.words(a, after: 2) == "")
    #expect(log.words(a, after: nil) == "a(?,2]@2")
  }

  // MARK: Forgetting

  @Test("a topic is dropped with its last message, and its bytes with it")
  func topicDropped() {
    var log = log(lifetime: 10)
    log.append("x", a, at: 0)
    log.append("y", b, at: 5)
    log.expire(now: 10)
    #expect(log.topicCount == 1)
    #expect(log.byteCount == charge(1))
    log.expire(now: 15)
    #expect(log.topicCount == 0 && log.byteCount == 0 && log.forgottenThrough == 2)
  }

  @Test("a topic without a record counts as having lost all that any forgotten topic has lost, and nothing after that")
  func forgottenTopic() {
    var log = log(lifetime: 10)
    log.append("x", a, at: 0)
    log.append("y", a, at: 1)
    log.append("z", b, at: 5)
    log.expire(now: 11)
    #expect(log.words(a, c, after: 0, at: 11) == "a(0,2]@0 c(0,2]@2")
    #expect(log.words(a, c, after: 1, at: 11) == "a(1,2]@1 c(1,2]@2")
    #expect(log.words(a, c, after: 2, at: 11) == "")
    log.append("w", c, at: 11)
    #expect(log.words(c, after: 0, at: 11) == "c(0,2]@2 c4", "a new record starts from there")
  }

  @Test("a topic that has its record knows its own losses exactly, whatever was forgotten meanwhile")
  func exactLoss() {
    var log = log(perTopic: 1, lifetime: 10)
    log.append("x", a, at: 0)
    log.append("y", a, at: 8)
    log.append("z", b, at: 8)
    log.append("w", a, at: 9)
    log.expire(now: 18)
    #expect(log.forgottenThrough == 3)
    #expect(log.words(a, after: 0, at: 18) == "a(0,2]@2 a4")
    #expect(log.words(a, after: 2, at: 18) == "a4")
  }

  @Test("100,000 topics used once each leave nothing behind after the lifetime")
  func manyTopics() throws {
    var log = log(lifetime: 10, bytes: 1 << 30)
    for number in 0..<100_000 { log.append("x", try Topic("topic-\(number)"), at: Double(number) / 100_000) }
    #expect(log.topicCount == 100_000)
    log.expire(now: 10.5)
    #expect(log.topics.slotCount < 250_000)
    log.expire(now: 11)
    #expect(log.topicCount == 0 && log.messageCount == 0 && log.byteCount == 0)
    #expect(log.topics.slotCount <= 64 && log.topics.freeCount <= 64)
    #expect(log.queue.count == 0 && log.queue.capacity <= 16)
  }

  @Test("one busy topic beside an idle one leaves no trail of dead entries")
  func deadEntries() {
    var log = log(perTopic: 10)
    log.append("x", b)
    for _ in 0..<10_000 {
      log.append("y", a)
      #expect(log.queue.count <= 2 * log.messageCount + 34)
    }
    #expect(log.messageCount == 11)
    #expect(log.words(b, after: 0) == "b1")
  }

  @Test("topics that stay are found after the room of thousands that went was given back")
  func compaction() throws {
    var log = log(lifetime: 10)
    log.append("x", a, at: 0)
    for number in 0..<1000 { log.append("y", try Topic("t\(number)"), at: 1) }
    log.append("z", b, at: 5)
    log.append("z", a, at: 5)
    log.expire(now: 11)
    #expect(log.topicCount == 2 && log.topics.slotCount <= 64)
    #expect(log.words(a, b, after: 1001, at: 11) == "b1002 a1003")
    log.append("w", b, at: 12)
    log.expire(now: 15)
    #expect(log.words(a, b, after: 1003, at: 15) == "b1004")
    log.expire(now: 22)
    #expect(log.topicCount == 0 && log.byteCount == 0)
  }

  // MARK: Reading

  @Test("messages of several topics come in the order of their numbers, and only those after the position")
  func merged() {
    var log = log()
    for topic in [a, b, c, a, b, a, a] { log.append("x", topic) }
    #expect(log.words(b, a, after: 1) == "b2 a4 b5 a6 a7")
    #expect(log.words(c, after: 3) == "")
  }

  @Test("a reader that has read everything is at the head, whoever wrote it, and goes on from there")
  func caughtUp() {
    var log = log()
    log.append("x", a)
    log.append("y", b)
    var reader = log.openReader(topics: [a], after: 0)
    #expect(log.words(&reader) == "a1")
    #expect(reader.isCaughtUp(with: log.head) && reader.position == 2)
    log.append("z", a)
    #expect(!reader.isCaughtUp(with: log.head))
    #expect(log.words(&reader) == "a3")
  }

  @Test("a page ends at its number of items, and the next goes on without hole or double")
  func pages() {
    var log = log()
    for topic in [a, b, a, b, a] { log.append("x", topic) }
    var reader = log.openReader(topics: [a, b], after: 0)
    let page = log.read(&reader, maximumItems: 2, maximumBytes: .max, now: 0)
    #expect(page.map(\.word) == ["a1", "b2"])
    #expect(reader.position == 2)
    #expect(log.words(&reader, page: 1) == "a3 b4 a5")
  }

  @Test("a page ends before the message that passes its bytes, but never without any")
  func pageBytes() {
    var log = log()
    for size in [10, 10, 10, 50] { log.append(TestPayload(byteCount: size), to: a, now: 0) }
    var reader = log.openReader(topics: [a], after: 0)
    var pages: [Int] = []
    for _ in 0..<10 where !reader.isCaughtUp(with: log.head) {
      pages.append(log.read(&reader, maximumItems: .max, maximumBytes: 20, now: 0).count)
    }
    #expect(pages == [2, 1, 1])
  }

  @Test("a gap is told before messages of other topics that lie within it, and the position stays behind them")
  func gapBeforeOthers() {
    var log = log(perTopic: 1)
    for topic in [a, b, a, a] { log.append("x", topic) }
    #expect(log.words(a, b, after: 0) == "a(0,3]@1 b2 a4")
    #expect(log.words(a, after: 0) == "a(0,3]@3 a4")
  }

  @Test("while another gap is still to be told, the position does not move, even when the page ends between the two")
  func twoGaps() {
    var log = log(perTopic: 1)
    for topic in [a, b, a, b] { log.append("x", topic) }
    #expect(log.words(a, b, after: 0) == "a(0,1]@0 b(0,2]@2 a3 b4")
    #expect(log.words(a, b, after: 0, page: 1) == "a(0,1]@0 b(0,2]@2 a3 b4")
  }

  @Test("what is evicted between two pages is told as a gap of exactly what was missed, once")
  func overtaken() {
    var log = log(perTopic: 2)
    for topic in [a, a, b] { log.append("x", topic) }
    var reader = log.openReader(topics: [a, b], after: 0)
    #expect(log.read(&reader, maximumItems: 1, maximumBytes: .max, now: 0).map(\.word) == ["a1"])
    log.append("x", a)
    log.append("x", a)
    #expect(log.read(&reader, maximumItems: 1, maximumBytes: .max, now: 0).map(\.word) == ["a(1,2]@2"])
    #expect(log.words(&reader) == "b3 a4 a5")
  }

  @Test("a gap told ahead of the position is not told again while other topics catch up with it")
  func toldOnce() {
    var log = log(perTopic: 2)
    for topic in [b, b, a, a, a, a] { log.append("x", topic) }
    var reader = log.openReader(topics: [a, b], after: 0)
    #expect(log.words(&reader, page: 1) == "a(0,4]@0 b1 b2 a5 a6")
    log.append("x", a)
    #expect(log.words(a, b, after: 1) == "a(1,5]@1 b2 a6 a7", "a client that was cut after b1")
  }

  @Test("a topic named twice is read once")
  func namedTwice() {
    var log = log()
    log.append("x", a)
    #expect(log.words(a, a, after: 0) == "a1")
  }

  @Test("a topic taken out of a reader is not read on, and the others are")
  func removed() {
    var log = log()
    for topic in [a, b, a, b] { log.append("x", topic) }
    var reader = log.openReader(topics: [a, b], after: nil)
    #expect(log.read(&reader, maximumItems: 1, maximumBytes: .max, now: 0).map(\.word) == ["a(?,0]@?"])
    reader.remove(a)
    #expect(reader.topics == [b])
    #expect(log.words(&reader) == "b(?,1]@1 b2 b4")
    reader.remove(b)
    log.append("x", b)
    #expect(log.words(&reader) == "" && reader.isCaughtUp(with: 5))
  }

  // MARK: Cursors of another log

  @Test("a cursor of another log gets a gap for each topic up to its first retained message, before any message")
  func unknownEpoch() {
    var log = log()
    for topic in [a, b, a] { log.append("x", topic) }
    #expect(log.words(b, c, a, after: nil) == "b(?,1]@? c(?,3]@? a(?,0]@0 a1 b2 a3")
    #expect(log.words(c, after: nil) == "c(?,3]@3")
    #expect(log.words(b, after: nil) == "b(?,1]@1 b2")
  }

  @Test("a cursor ahead of the log is one of another log, and so is any but 0 before the first message")
  func ahead() {
    var log = log()
    #expect(log.words(a, after: 0) == "")
    #expect(log.words(a, after: 1) == "a(?,0]@0")
    log.append("x", a)
    #expect(log.words(a, after: 2) == "a(?,0]@0 a1")
  }

  @Test("its position stays the cursor as given until every topic has had its gap, over pages and evictions between")
  func unknownEpochPages() {
    var log = log(perTopic: 1)
    log.append("x", a)
    log.append("x", b)
    var reader = log.openReader(topics: [a, b], after: nil)
    #expect(log.read(&reader, maximumItems: 1, maximumBytes: .max, now: 0).map(\.word) == ["a(?,0]@?"])
    #expect(reader.position == nil)
    log.append("x", a)
    #expect(log.words(&reader, page: 1) == "a(0,1]@? b(?,1]@1 b2 a3")
  }
}
