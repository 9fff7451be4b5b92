import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("Coming back")
struct ReconnectTests {
  let backoff = Backoff(base: .milliseconds(250), cap: .seconds(30))
  let lost = Reconnect.Ending.lost(.cancelled)
  let endpoint: Endpoint
  let broken: Reconnect.Ending

  init() throws {
    endpoint = try Endpoint("http://h")
    broken = .lost(.unreachable(endpoint, reason: "gone"))
  }

  @Test("doubles the bound of the wait up to the cap")
  func bounds() {
    var highest = HighestGenerator()
    let waits = (0..<9).map { backoff.delay(failures: $0, using: &highest) }
    let milliseconds = [250, 500, 1000, 2000, 4000, 8000, 16000, 30000, 30000]
    #expect(waits == milliseconds.map { Duration.milliseconds($0) })
    #expect(backoff.delay(failures: .max, using: &highest) == .seconds(30))
  }

  @Test("spreads waits over the whole range")
  func jitter() {
    var generator = SeededGenerator(state: 7)
    let waits = (0..<1000).map { _ in backoff.delay(failures: 2, using: &generator) }
    #expect(waits.allSatisfy { $0 >= .zero && $0 <= .seconds(1) })
    let quarters = (0..<4).map { quarter in
      waits.count { $0 >= .milliseconds(250 * quarter) && $0 < .milliseconds(250 * (quarter + 1)) }
    }
    #expect(quarters.allSatisfy { $0 > 200 })
  }

  @Test("waits longer after each failure and forgets them after a connection that lived")
  func resets() {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let failed = Reconnect.Ending.failed(.unreachable(endpoint, reason: "refused"), retryAfter: nil)
    #expect(reconnect.decide(after: failed, lived: .zero, using: &highest) == .retry(after: .milliseconds(250)))
    #expect(reconnect.decide(after: failed, lived: .zero, using: &highest) == .retry(after: .milliseconds(500)))
    #expect(reconnect.decide(after: broken, lived: .seconds(1), using: &highest) == .retry(after: .seconds(1)))
    #expect(reconnect.decide(after: broken, lived: .seconds(60), using: &highest) == .retry(after: .milliseconds(250)))
  }

  @Test("obeys a hint to the millisecond")
  func hint() {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let away = Reconnect.Ending.closed(.goingAway, reason: "reconnect in 4711 ms")
    #expect(reconnect.decide(after: away, lived: .seconds(9), using: &highest) == .retry(after: .milliseconds(4711)))
    let busy = Reconnect.Ending.failed(.cancelled, retryAfter: .seconds(3))
    #expect(reconnect.decide(after: busy, lived: .zero, using: &highest) == .giveUp)
  }

  @Test("obeys Retry-After")
  func retryAfter() {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let draining = ClientError.refused(Refusal(.draining, "going down"), status: 503)
    let ending = Reconnect.Ending.failed(draining, retryAfter: .seconds(3))
    #expect(reconnect.decide(after: ending, lived: .zero, using: &highest) == .retry(after: .seconds(3)))
  }

  @Test("does not let a server keep it busy, nor away for ever")
  func strangeHints() {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let atOnce = Reconnect.Ending.closed(.goingAway, reason: "reconnect in 0 ms")
    #expect(reconnect.decide(after: atOnce, lived: .zero, using: &highest) == .retry(after: .zero))
    #expect(reconnect.decide(after: atOnce, lived: .zero, using: &highest) == .retry(after: .milliseconds(500)))
    let never = Reconnect.Ending.closed(.goingAway, reason: "reconnect in 99999999999999 ms")
    #expect(reconnect.decide(after: never, lived: .seconds(9), using: &highest) == .retry(after: .seconds(600)))
  }

  @Test("gives up where the same would fail again", arguments: [1002, 1003, 1007, 1008, 1009])
  func givesUp(code: UInt16) {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let ending = Reconnect.Ending.closed(CloseCode(rawValue: code), reason: "no")
    #expect(reconnect.decide(after: ending, lived: .seconds(60), using: &highest) == .giveUp)
  }

  @Test("comes back after every other close, with or without a code", arguments: [nil, 1000, 1001, 1011, 1013, 4000])
  func comesBack(code: UInt16?) {
    var reconnect = Reconnect(backoff: backoff)
    var highest = HighestGenerator()
    let ending = Reconnect.Ending.closed(code.map(CloseCode.init(rawValue:)), reason: "")
    #expect(reconnect.decide(after: ending, lived: .zero, using: &highest) == .retry(after: .milliseconds(250)))
  }

  @Test("tells refusals of the moment from those for good")
  func refusals() {
    for code in ErrorCode.allCases {
      var reconnect = Reconnect(backoff: backoff)
      var highest = HighestGenerator()
      let ending = Reconnect.Ending.failed(.refused(Refusal(code, "no"), status: 400), retryAfter: nil)
      let comesBack = reconnect.decide(after: ending, lived: .zero, using: &highest) != .giveUp
      #expect(comesBack == [.rateLimited, .draining, .timeout, .internal].contains(code), "\(code)")
    }
    for (status, comesBack) in [(404, false), (403, false), (429, true), (502, true), (503, true)] {
      var reconnect = Reconnect(backoff: backoff)
      var highest = HighestGenerator()
      let error = ClientError.unexpectedAnswer(endpoint, status: status, snippet: "")
      let decision = reconnect.decide(after: .failed(error, retryAfter: nil), lived: .zero, using: &highest)
      #expect((decision != .giveUp) == comesBack, "\(status)")
    }
  }
}
