import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// The hub over event loops that turn only when they are told to.
@Suite struct HubTests {
  private let loops = [ManualLoop(), ManualLoop()]
  private let hubs: [LoopHub<SubscriberConnection>]
  private let hub: Hub

  /// What a publisher is answered.
  private final class Answer: Publishing {
    private(set) var cursor: Cursor?

    func wasPublished(_ cursor: Cursor, accepted: Double) { self.cursor = cursor }
  }

  init() {
    hubs = loops.map { _ in LoopHub() }
    let mailboxes = zip(hubs, loops).map { Mailbox(hub: LoopBound($0, loop: $1)) }
    hub = Hub(
      epoch: "e", history: HistoryLimits(messagesPerTopic: 10, lifetime: 300, bytes: 1 << 20), mailboxes: mailboxes,
      uptime: { 0 })
  }

  private func publish(_ text: String, to topics: [Topic], id: String? = nil, on loop: Int = 0) -> Answer {
    let answer = Answer()
    hub.publish(text, to: topics, id: id, by: answer, on: loops[loop])
    return answer
  }

  @Test("a publisher is answered only when every event loop has handed its message out")
  func answersAfterDelivery() throws {
    let answer = publish("m", to: [try Topic("t")])
    #expect(answer.cursor == nil)
    loops[0].turn()
    #expect(hubs[0].delivered == 1)
    #expect(answer.cursor == nil, "one loop has not delivered yet")
    loops[1].turn()
    #expect(try answer.cursor == Cursor("e:1"))
  }

  @Test("messages are numbered in the order they are accepted, several topics consecutively")
  func numbers() throws {
    let topics = try [Topic("a"), Topic("b"), Topic("c")]
    let first = publish("1", to: topics)
    let second = publish("2", to: [topics[1]], on: 1)
    for loop in loops { loop.turn() }
    #expect(try first.cursor == Cursor("e:3"))
    #expect(try second.cursor == Cursor("e:4"))
    #expect(try hub.head == Cursor("e:4"))
    #expect(hubs.map(\.delivered) == [4, 4])
  }

  @Test("a loop that lags takes everything out at once when it turns again")
  func bursts() throws {
    let topic = try Topic("t")
    let answers = (0..<5).map { publish("\($0)", to: [topic]) }
    loops[0].turn()
    #expect(hubs.map(\.delivered) == [5, 0])
    #expect(answers.allSatisfy { $0.cursor == nil })
    loops[1].turn()
    #expect(hubs.map(\.delivered) == [5, 5])
    #expect(try answers.map(\.cursor) == (1...5).map { try Cursor("e:\($0)") })
  }

  @Test("a repeated id is answered with the first cursor, after that was delivered, and nothing is delivered again")
  func idempotent() throws {
    let (a, b) = (try Topic("a"), try Topic("b"))
    _ = publish("1", to: [a], id: "x")
    let again = publish("2", to: [a], id: "x")
    loops[0].turn()
    #expect(again.cursor == nil, "what it repeats is not delivered everywhere yet")
    loops[1].turn()
    #expect(try again.cursor == Cursor("e:1"))
    let both = publish("3", to: [b, a], id: "x")
    for loop in loops { loop.turn() }
    #expect(try both.cursor == Cursor("e:1"), "the last topic's")
    #expect(hubs.map(\.delivered) == [2, 2])
  }
}
