import NIOCore
import NIOEmbedded
import NotifluxProtocol
import Synchronization
import Testing

@testable import NotifluxServer

/// The hub over event loops that turn only when they are told to.
@Suite struct HubTests {
  private let loops = [EmbeddedEventLoop(), EmbeddedEventLoop()]
  private let hubs: [LoopHub<SubscriberConnection>]
  private let hub: Hub

  init() {
    let loops = loops
    hubs = loops.map { _ in LoopHub() }
    let mailboxes = zip(hubs, loops).map { Mailbox(hub: NIOLoopBound($0, eventLoop: $1)) }
    hub = Hub(
      epoch: "e", history: HistoryLimits(messagesPerTopic: 10, lifetime: 300, bytes: 1 << 20), mailboxes: mailboxes,
      uptime: { 0 })
  }

  private func isDone(_ future: EventLoopFuture<Cursor>) -> Bool {
    let done = Mutex(false)
    future.whenSuccess { _ in done.withLock { $0 = true } }
    return done.withLock { $0 }
  }

  @Test("a publisher is answered only when every event loop has handed its message out")
  func answersAfterDelivery() throws {
    let answer = hub.publish("m", to: [try Topic("t")], id: nil, on: loops[0])
    #expect(!isDone(answer))
    loops[0].run()
    #expect(hubs[0].delivered == 1)
    #expect(!isDone(answer), "one loop has not delivered yet")
    loops[1].run()
    #expect(isDone(answer))
    #expect(try answer.wait() == Cursor("e:1"))
  }

  @Test("messages are numbered in the order they are accepted, several topics consecutively")
  func numbers() throws {
    let topics = try [Topic("a"), Topic("b"), Topic("c")]
    let first = hub.publish("1", to: topics, id: nil, on: loops[0])
    let second = hub.publish("2", to: [topics[1]], id: nil, on: loops[1])
    for loop in loops { loop.run() }
    #expect(try first.wait() == Cursor("e:3"))
    #expect(try second.wait() == Cursor("e:4"))
    #expect(try hub.head == Cursor("e:4"))
    #expect(hubs.map(\.delivered) == [4, 4])
  }

  @Test("a loop that lags takes everything out at once when it turns again")
  func bursts() throws {
    let topic = try Topic("t")
    let answers = (0..<5).map { hub.publish("\($0)", to: [topic], id: nil, on: loops[0]) }
    loops[0].run()
    #expect(hubs.map(\.delivered) == [5, 0])
    #expect(!answers.contains(where: isDone))
    loops[1].run()
    #expect(hubs.map(\.delivered) == [5, 5])
    #expect(answers.allSatisfy(isDone))
  }

  @Test("a repeated id is answered with the first cursor, after that was delivered, and nothing is delivered again")
  func idempotent() throws {
    let (a, b) = (try Topic("a"), try Topic("b"))
    _ = hub.publish("1", to: [a], id: "x", on: loops[0])
    let again = hub.publish("2", to: [a], id: "x", on: loops[0])
    loops[0].run()
    #expect(!isDone(again), "what it repeats is not delivered everywhere yet")
    loops[1].run()
    #expect(try again.wait() == Cursor("e:1"))
    let both = hub.publish("3", to: [b, a], id: "x", on: loops[0])
    for loop in loops { loop.run() }
    #expect(try both.wait() == Cursor("e:1"), "the last topic's")
    #expect(hubs.map(\.delivered) == [2, 2])
  }
}
