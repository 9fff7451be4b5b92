import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct IdempotencyWindowTests {
  @Test("a key is known for its lifetime, on its topic alone")
  func lifetime() throws {
    var window = IdempotencyWindow(lifetime: 300)
    let (a, b) = (try Topic("a"), try Topic("b"))
    window.record(topic: a, id: "1", sequence: 7, now: 100)
    #expect(window.sequence(topic: a, id: "1", now: 399.9) == 7)
    #expect(window.sequence(topic: b, id: "1", now: 101) == nil)
    #expect(window.sequence(topic: a, id: "2", now: 101) == nil)
    #expect(window.sequence(topic: a, id: "1", now: 400) == nil)
    #expect(window.count == 0)
  }

  @Test("keys are compared byte for byte")
  func bytes() throws {
    var window = IdempotencyWindow(lifetime: 300)
    window.record(topic: try Topic("a"), id: "\u{E9}", sequence: 1, now: 0)
    #expect(window.sequence(topic: try Topic("a"), id: "e\u{301}", now: 1) == nil)
  }

  @Test("it holds what came in the last lifetime and no more, and never more than its capacity")
  func bounded() throws {
    var window = IdempotencyWindow(lifetime: 10, capacity: 50)
    let topic = try Topic("t")
    for step in 0..<1000 {
      #expect(window.sequence(topic: topic, id: "\(step)", now: Double(step)) == nil)
      window.record(topic: topic, id: "\(step)", sequence: UInt64(step), now: Double(step))
      #expect(window.count == min(step + 1, 10))
    }
    for step in 0..<100 { window.record(topic: topic, id: "x\(step)", sequence: 0, now: 1000) }
    #expect(window.count == 50)
    #expect(window.sequence(topic: topic, id: "x99", now: 1001) != nil)
    #expect(window.sequence(topic: topic, id: "x0", now: 1001) == nil)
  }
}
