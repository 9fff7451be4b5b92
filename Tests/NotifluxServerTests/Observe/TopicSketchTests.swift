import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct TopicSketchTests {
  private func topics(_ count: Int) throws -> [Topic] { try (0..<count).map { try Topic("topic-\($0)") } }

  @Test("as long as there is room, every topic weighs what a plain table says")
  func exact() throws {
    var random = SeededGenerator(seed: 7)
    let topics = try topics(50)
    var sketch = TopicSketch(capacity: 50)
    var exact: [Topic: Double] = [:]
    var now = 0.0
    for _ in 0..<5000 {
      let pause = Double.random(in: 0..<1, using: &random)
      now += pause
      for topic in exact.keys { exact[topic]? *= half(pause) }
      let (topic, messages) = (topics[Int.random(in: 0..<50, using: &random)], Int.random(in: 1...3, using: &random))
      sketch.count(topic, messages: messages, now: now)
      exact[topic, default: 0] += Double(messages)
    }
    let entries = sketch.entries(now: now)
    #expect(entries.count == 50)
    for entry in entries {
      let weight = try #require(exact[entry.topic])
      #expect(abs(entry.weight - weight) < 1e-6 * max(1, weight))
      #expect(entry.error == 0)
    }
  }

  /// What is left of a weight of 1 after so many seconds.
  private func half(_ seconds: Double) -> Double {
    var (left, factor) = (seconds / TopicSketch.halfLife, 1.0)
    while left >= 1 { (left, factor) = (left - 1, factor / 2) }
    // The series of 2^-x for what is less than one halving.
    var (term, sum) = (1.0, 1.0)
    for step in 1..<30 {
      term *= -left * 0.693_147_180_559_945_3 / Double(step)
      sum += term
    }
    return factor * sum
  }

  @Test("however many topics there are, the busy ones are watched, and no weight is further off than its error says")
  func bounded() throws {
    var random = SeededGenerator(seed: 8)
    let topics = try topics(5000)
    var sketch = TopicSketch(capacity: 100)
    var exact: [Topic: Double] = [:]
    for _ in 0..<100_000 {
      // A quarter of all messages are those of three topics.
      let index = Int.random(in: 0..<4, using: &random) == 0 ? Int.random(in: 0..<3, using: &random) : nil
      let topic = topics[index ?? Int.random(in: 0..<5000, using: &random)]
      sketch.count(topic, messages: 1, now: 0)
      exact[topic, default: 0] += 1
    }
    let entries = sketch.entries(now: 0)
    #expect(entries.count == 100)
    for entry in entries {
      let weight = exact[entry.topic] ?? 0
      #expect(entry.weight - entry.error <= weight && weight <= entry.weight)
    }
    let busiest = entries.sorted { $0.weight > $1.weight }.prefix(3).map(\.topic)
    #expect(Set(busiest) == Set(topics.prefix(3)))
    let all = exact.values.reduce(0, +)
    for (topic, weight) in exact where weight > all / 100 { #expect(entries.contains { $0.topic == topic }) }
  }

  @Test("weights stay finite for years")
  func years() throws {
    let topic = try Topic("t")
    var sketch = TopicSketch(capacity: 2)
    for hour in 0..<20_000 { sketch.count(topic, messages: 10, now: Double(hour) * 3600) }
    let entry = try #require(sketch.entries(now: 20_000 * 3600).first)
    #expect(entry.weight > 0 && entry.weight < 10)
    sketch.count(topic, messages: 10, now: 1e12)
    #expect(sketch.entries(now: 1e12).first?.weight == 10)
  }

  @Test("a steady stream weighs as many messages a second as it has")
  func rate() throws {
    let topic = try Topic("t")
    var sketch = TopicSketch(capacity: 2)
    for second in 0..<1000 { sketch.count(topic, messages: 7, now: Double(second)) }
    let entry = try #require(sketch.entries(now: 999.5).first)
    #expect(abs(entry.weight / TopicSketch.weightOfRate - 7) < 0.1)
  }
}
