import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("Doctor judges a stream:") struct StreamCheckTests {
  private func check(_ transport: StreamCheck.Transport = .events, _ change: (inout StreamCheck) -> Void) -> [Finding] {
    var check = StreamCheck(transport: transport, delivery: .milliseconds(4), patience: .seconds(5))
    change(&check)
    return check.findings
  }

  @Test("a message that comes at once is as it should be, on either transport")
  func delivery() {
    #expect(check { _ in }.levels == ["ok events"])
    #expect(check(.webSocket) { _ in }.levels == ["ok delivery"])
  }

  @Test("a message that does not come is held back by a proxy, and so is a confirmation")
  func buffered() {
    for findings in [check { $0.delivery = nil }, check { $0.hasBegun = false }] {
      #expect(findings.levels == ["problem events"])
      #expect(findings.first?.remedy?.nginx.first == "proxy_buffering off;")
      #expect(findings.first?.remedy?.place == .location("= /events"))
    }
  }

  @Test("a stream that somebody compresses is a warning, also where it flows")
  func encoded() {
    #expect(check { $0.encoding = "gzip" }.levels == ["ok events", "warning events"])
  }

  @Test("what cannot be known is skipped, what is refused is a problem, what another check tells is not repeated")
  func obstacles() {
    #expect(check { $0.subscribing = .notTried("give one") }.levels == ["skipped events"])
    #expect(check { $0.publishing = .notTried("give one") }.levels == ["skipped events"])
    #expect(check { $0.subscribing = .refused("token expired 2 min ago") }.levels == ["problem events"])
    #expect(check { $0.publishing = .refused("token expired 2 min ago") }.levels == ["problem events"])
    #expect(
      check {
        $0.subscribing = .notOpen; $0.silence = .seconds(20)
      }.isEmpty)
    #expect(check { $0.subscribing = .headerIsMissing }.isEmpty)
    #expect(StreamCheck.Obstacle(Refusal(.topicNotAllowed, "no")) == .notTried("no"))
    #expect(StreamCheck.Obstacle(Refusal(.tokenSignature, "no")) == .refused("no"))
  }

  @Test("a connection that is cut in silence is a problem, with the seconds after which it was")
  func cut() {
    let findings = check(.webSocket) {
      $0.silence = .seconds(20)
      $0.cut = (.milliseconds(3004), "the connection was lost", byServer: false)
    }
    #expect(findings.levels == ["ok delivery", "problem idle"])
    #expect(findings.last?.seen == "/ws was cut after 3.00 s of silence (the connection was lost)")
    #expect(findings.last?.remedy?.nginx.first == "proxy_read_timeout 75s;")
    // Cut before there was anything to see: the cause is told, not what follows from it.
    let early = check {
      $0.delivery = nil; $0.cut = (.seconds(1), "the answer ended", byServer: false)
    }
    #expect(early.levels == ["skipped events", "problem idle"])
  }

  @Test("a server that takes its leave has not been cut off")
  func leave() {
    let findings = check(.webSocket) { $0.cut = (.seconds(1), "code 1001: reconnect in 20 ms", byServer: true) }
    #expect(findings.levels == ["ok delivery", "warning idle"])
    #expect(findings.text.contains("reconnect in 20 ms"))
  }

  @Test("no sign of life in a time that holds one is a problem; a shorter time proves nothing, and that is said")
  func signsOfLife() {
    #expect(check { $0.silence = .seconds(17) }.levels == ["ok events", "problem idle"])
    #expect(
      check {
        $0.silence = .seconds(17); $0.signsOfLife = 1
      }.levels == ["ok events", "ok idle"])
    let short = check { $0.silence = .seconds(5) }
    #expect(short.levels == ["ok events", "ok idle"])
    #expect(short.last?.seen.contains("--wait 20s") == true)
    // A server that pings more often needs no such patience.
    #expect(
      check {
        $0.interval = 3; $0.silence = .seconds(5)
      }.levels == ["ok events", "problem idle"])
    // What is compressed, or held back altogether, has its finding already.
    #expect(
      check {
        $0.silence = .seconds(17); $0.hasBegun = false
      }.levels == ["problem events"])
  }
}
