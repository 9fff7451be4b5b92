import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct LoopHubTests {
  /// Writes down the numbers of what it gets, and how.
  private final class Sink: PublicationSink {
    var holdings = TopicHoldings()
    let socketAddress: UnsafeRawPointer? = nil
    private(set) var alone: [UInt64] = []
    private(set) var queued: [UInt64] = []
    private(set) var flushes = 0
    private let hub: LoopHub<Sink>

    init(hub: LoopHub<Sink>) { self.hub = hub }

    func deliverAlone(_ run: MessageRun) { alone += run.messages.map(\.cursor.sequence) }

    func deliver(_ run: MessageRun) {
      if queued.isEmpty { hub.flushAfterBurst(self) }
      queued += run.messages.map(\.cursor.sequence)
    }

    func flushDeliveries() { flushes += 1 }
  }

  private func publication(_ topic: Topic, _ number: UInt64) -> Publication {
    Publication(
      message: EncodedMessage("m", topic: topic, cursor: Cursor(epoch: "e", sequence: number)), receipt: nil)
  }

  @Test(
    "each subscriber gets each message once, however many there are and whenever it came",
    arguments: [0, 1, 5, 6, 7, 11, 12, 13, 40])
  func onceEach(count: Int) throws {
    let (hub, a, b) = (LoopHub<Sink>(), try Topic("a"), try Topic("b"))
    let sinks = (0..<count).map { _ in Sink(hub: hub) }
    for (index, sink) in sinks.enumerated() {
      hub.table.subscribe(sink, to: a, after: UInt64(index % 4))
      hub.table.subscribe(sink, to: b, after: 0)
    }
    hub.deliver([publication(a, 1), publication(a, 2), publication(a, 3)])
    hub.deliver([publication(a, 4), publication(b, 5), publication(a, 6)])
    for (index, sink) in sinks.enumerated() {
      #expect(sink.alone == [1, 2, 3].filter { $0 > UInt64(index % 4) })
      #expect(sink.queued == [4, 5, 6])
      #expect(sink.flushes == 1)
    }
    #expect(hub.delivered == 6)
    for sink in sinks { hub.table.unsubscribeAll(sink) }
  }
}
