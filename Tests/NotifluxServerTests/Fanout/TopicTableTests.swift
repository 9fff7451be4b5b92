import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct TopicTableTests {
  private final class Subscriber: TopicSubscriber {
    let name: Int
    var holdings = TopicHoldings()
    init(_ name: Int) { self.name = name }
  }

  private typealias Table = TopicTable<Subscriber>

  @Test("subscribing twice is as good as once, and unsubscribing from nothing is no error")
  func idempotent() throws {
    let table = Table()
    let subscriber = Subscriber(1)
    let topic = try Topic("t")
    table.unsubscribe(subscriber, from: topic)
    table.subscribe(subscriber, to: topic, after: 0)
    table.subscribe(subscriber, to: topic, after: 0)
    #expect(table.members(of: topic).count == 1)
    table.unsubscribe(subscriber, from: topic)
    #expect(table.members(of: topic).isEmpty)
    #expect(table.topicCount == 0)
  }

  @Test("whatever happens in whatever order, it holds what a plain set of pairs would hold")
  func model() throws {
    var random = SeededGenerator(seed: 42)
    let table = Table()
    let topics = try (0..<7).map { try Topic("t\($0)") }
    let subscribers = (0..<9).map(Subscriber.init)
    var model: Set<[Int]> = []
    for _ in 0..<20000 {
      let subscriber = Int.random(in: subscribers.indices, using: &random)
      let topic = Int.random(in: 0..<topics.count, using: &random)
      switch Int.random(in: 0..<10, using: &random) {
      case 0..<5:
        table.subscribe(subscribers[subscriber], to: topics[topic], after: 0)
        model.insert([subscriber, topic])
      case 5..<9:
        table.unsubscribe(subscribers[subscriber], from: topics[topic])
        model.remove([subscriber, topic])
      default:
        table.unsubscribeAll(subscribers[subscriber])
        model = model.filter { $0[0] != subscriber }
      }
      #expect(table.subscriptionCount == model.count)
      #expect(table.topicCount == Set(model.map { $0[1] }).count)
      let members = table.members(of: topics[topic]).map(\.subscriber.name).sorted()
      #expect(members == model.filter { $0[1] == topic }.map { $0[0] }.sorted())
      let held = Set(subscribers[subscriber].holdings.topics)
      #expect(held == Set(model.filter { $0[0] == subscriber }.map { topics[$0[1]] }))
    }
  }
}
