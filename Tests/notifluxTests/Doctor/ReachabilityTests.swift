import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("Doctor judges the way to the server:") struct ReachabilityTests {
  private let refused = ClientError.unreachable(away, reason: "connection refused")

  private func reach(_ endpoint: Endpoint, _ addresses: [(String, Result<Duration, ClientError>)]) -> ReachCheck {
    ReachCheck(
      endpoint: endpoint, addresses: .success(addresses.map { ReachCheck.Address(text: $0.0, result: $0.1) }))
  }

  @Test("an address that does not answer beside one that does is a warning, for that kind of address")
  func halfReachable() {
    let check = reach(away, [("192.0.2.1", .success(.milliseconds(3))), ("2001:db8::1", .failure(refused))])
    #expect(check.findings.levels == ["ok reach", "warning reach"])
    #expect(check.isReachable)
    #expect(check.findings.text.contains("AAAA record"))
    #expect(check.findings.last?.remedy?.nginx == ["listen [::]:443 ssl;"])
  }

  @Test("of the loopback addresses one is enough")
  func localhost() {
    let check = reach(
      endpoint("http://localhost:8080"), [("127.0.0.1", .success(.zero)), ("::1", .failure(refused))])
    #expect(check.findings.levels == ["ok reach"])
  }

  @Test("where no address answers, each is a problem; so is a name that is not known")
  func unreachable() {
    let check = reach(away, [("192.0.2.1", .failure(refused)), ("2001:db8::1", .failure(silence))])
    #expect(check.findings.levels == ["problem reach", "problem reach"])
    #expect(!check.isReachable)
    #expect(ReachCheck(endpoint: away, addresses: .failure(refused)).findings.levels == ["problem reach"])
  }

  @Test(
    "a certificate is a problem once it has expired, a warning in its last two weeks",
    arguments: [
      (90.5, "ok certificate", "good for 90 days"), (14.1, "ok certificate", "good for 14 days"),
      (13.9, "warning certificate", "in 13 days"), (-3.5, "problem certificate", "3 days ago"),
    ])
  func expiry(days: Double, level: String, said: String) {
    let now = 1_800_000_000.0
    let facts = TLSFacts(
      version: "TLS 1.3", validFrom: 0, validUntil: Int(now + days * 86_400), names: ["push.example.com"])
    let check = CertificateCheck(
      endpoint: away, handshakes: [.judged(facts, days < 0 ? .unknownAuthority : .trusted)], now: now)
    #expect(check.findings.levels.first == level)
    #expect(check.findings.text.contains(said))
  }

  @Test("a certificate nobody trusts is told apart: another name, an unknown authority, not yet valid")
  func distrust() {
    func check(from: Int = 0, _ judgement: TLSHandshake.Judgement) -> CertificateCheck {
      let facts = TLSFacts(version: "TLS 1.2", validFrom: from, validUntil: 2_000_000_000, names: ["a.example"])
      return CertificateCheck(endpoint: away, handshakes: [.judged(facts, judgement)], now: 1_800_000_000)
    }
    #expect(check(.wrongName).findings.text.contains("for a.example, not for push.example.com"))
    #expect(check(.unknownAuthority).findings.text.contains("--ca-file"))
    #expect(check(from: 1_900_000_000, .unknownAuthority).findings.text.contains("not valid before 2030-03-17"))
    // The user is told that the others look away.
    #expect(check(.wrongName).findings.levels == ["problem certificate", "skipped certificate"])
    #expect(!check(.wrongName).isTrusted)
  }

  private let good = TLSHandshake.judged(
    TLSFacts(version: "TLS 1.3", validFrom: 0, validUntil: 2_000_000_000, names: ["push.example.com"]), .trusted)
  private let closed = TLSHandshake.ended(how: "closed by the server")

  @Test("a connection that ends in the handshake says nothing of the certificate, whether it befalls all or some")
  func endedHandshakes() {
    func check(_ handshakes: [TLSHandshake]) -> CertificateCheck {
      CertificateCheck(endpoint: away, handshakes: handshakes, now: 1_800_000_000)
    }
    let never = check([closed, closed, closed])
    #expect(never.findings.levels == ["problem certificate"])
    #expect(never.findings.text.contains("the connection was ended during the TLS handshake (closed by the server)"))
    #expect(never.findings.text.contains("worker_connections 16384;"))
    #expect(!never.hasTLS)
    for order in [[good, closed, good], [closed, good, good]] {
      let sometimes = check(order)
      #expect(sometimes.findings.levels == ["ok certificate", "problem certificate"])
      #expect(sometimes.findings.text.contains("1 of 3 connections was ended"))
      #expect(sometimes.hasTLS)
      #expect(sometimes.isTrusted)
    }
    for text in [never, check([closed, good, closed])].map(\.findings.text) {
      #expect(!text.contains("vouches") && !text.contains("not for") && !text.contains("trust"))
    }
  }

  @Test("of several servers behind one address that which nobody should trust counts")
  func worst() {
    guard case .judged(let facts, _) = good else { return }
    let check = CertificateCheck(
      endpoint: away, handshakes: [good, .judged(facts, .wrongName), closed], now: 1_800_000_000)
    #expect(!check.isTrusted)
    #expect(check.findings.levels == ["problem certificate", "skipped certificate", "problem certificate"])
  }

  @Test("what fails later for the encryption is no matter of trust, and is mended elsewhere than notiflux")
  func laterHandshakes() {
    let error = ClientError.tls(away, reason: "the server hung up during the TLS handshake")
    let findings =
      HealthCheck(endpoint: away, health: .failure(error)).findings
      + RequestCheck(bearer: .failure(error), large: .failure(error)).findings
      + WebSocketCheck(result: .failure(error)).findings
      + StreamCheck(transport: .events, subscribing: .noConnection(error)).findings
    #expect(findings.levels == ["health", "authorization", "size", "websocket", "events"].map { "problem \($0)" })
    #expect(findings.allSatisfy { $0.seen.contains("no encrypted connection to https://push.example.com: ") })
    #expect(findings.allSatisfy { $0.remedy == .endedHandshake(away) })
    #expect(!findings.text.contains("trust") && !findings.text.contains("token inspect"))
  }

  @Test("old TLS is a warning, no TLS a problem that ends the run")
  func tls() {
    let facts = TLSFacts(version: "TLS 1.1", validFrom: 0, validUntil: 2_000_000_000, names: [])
    let old = CertificateCheck(endpoint: away, handshakes: [.judged(facts, .trusted)], now: 1_800_000_000)
    #expect(old.findings.levels == ["warning certificate"])
    let plain = CertificateCheck(endpoint: away, handshakes: [.failed(refused), .failed(refused)], now: 0)
    #expect(plain.findings.levels == ["problem certificate"])
    #expect(!plain.hasTLS)
    let http2 = CertificateCheck(endpoint: away, handshakes: [.noHTTP1, .noHTTP1], now: 0)
    #expect(http2.findings.levels == ["problem certificate"])
    #expect(http2.findings.text.contains("refuses to speak HTTP/1.1"))
  }

  @Test("what answers /health is notiflux, a proxy without it, a stranger, or a redirect")
  func health() {
    func check(_ health: HTTPReply) -> HealthCheck {
      HealthCheck(endpoint: away, health: .success(health), ready: .success(reply(200)))
    }
    let good = reply(200, #"{"status":"ok"}"#, ["server", "nginx/1.22.1"])
    #expect(check(good).findings.levels == ["ok health", "ok connection"])
    #expect(check(good).findings.text.contains("nginx/1.22.1 in front"))
    #expect(check(reply(502, "<html>")).findings.levels == ["problem health"])
    let failing = check(reply(500, "<html>", ["server", "nginx"])).findings
    #expect(failing.levels == ["problem health"])
    #expect(failing.text.contains("worker_connections are not enough"))
    #expect(check(reply(200, "<html>Welcome")).findings.levels == ["problem health"])
    #expect(check(page).findings.levels == ["warning health"])
    let redirect = check(reply(301, "", ["location", "https://www.example.com/health"]))
    #expect(redirect.redirect != nil)
    #expect(redirect.findings.text.contains("notiflux doctor https://www.example.com\n"))
    #expect(HealthCheck(endpoint: away, health: .failure(silence)).findings.levels == ["problem health"])
  }

  @Test("a server that drains is a problem, a connection that does not last a warning")
  func readiness() {
    let good = reply(200, #"{"status":"ok"}"#)
    let draining = HealthCheck(
      endpoint: away, health: .success(good), ready: .success(refusal(503, .draining, "the server is shutting down")))
    #expect(draining.findings.levels == ["problem health", "ok connection"])
    let closing = HealthCheck(
      endpoint: away, health: .success(reply(200, #"{"status":"ok"}"#, keepsAlive: false)), ready: .failure(silence))
    #expect(closing.findings.levels == ["ok health", "warning connection"])
  }

  @Test(
    "a clock that is off by more than 2 s is a warning, by more than 30 s a problem",
    arguments: [
      (0, "ok"), (2, "ok"), (-2, "ok"), (4, "warning"), (-4, "warning"), (29, "warning"), (32, "problem"),
      (-3600, "problem"),
    ])
  func clock(seconds: Int, level: String) {
    let stamp = ClockCheck.Stamp(date: 1_800_000_000 + seconds, ours: 1_800_000_000.5, roundTrip: .milliseconds(20))
    #expect(ClockCheck(stamp: stamp).findings.levels == ["\(level) clock"])
  }

  @Test("a slow answer leaves room for doubt about the clock")
  func slowClock() {
    let stamp = ClockCheck.Stamp(date: 1_800_000_004, ours: 1_800_000_000.5, roundTrip: .seconds(6))
    #expect(ClockCheck(stamp: stamp).findings.levels == ["ok clock"])
  }

  @Test("how a token is judged counts for more than a Date, which may be a proxy's")
  func judgement() {
    func check(_ date: Int, _ message: String, _ code: ErrorCode = .tokenExpired) -> [Finding] {
      let stamp = ClockCheck.Stamp(date: 1_800_000_000 + date, ours: 1_800_000_000.5, roundTrip: .zero)
      return ClockCheck(stamp: stamp, judgement: .success(refusal(401, code, message))).findings
    }
    #expect(check(0, "token expired 60 s ago").levels == ["ok clock"])
    #expect(check(0, "token expired 70 s ago").levels == ["warning clock"])
    #expect(check(0, "token expired 3 min ago").levels == ["problem clock"])
    #expect(check(0, "token expired less than 1 s ago").levels == ["problem clock"])
    #expect(check(300, "token expired 60 s ago").text.contains("the proxy's clock is 5 min ahead"))
    // An answer that took 20 s says little.
    var late = refusal(401, .tokenExpired, "token expired 80 s ago")
    late.took = .seconds(20)
    #expect(ClockCheck(stamp: nil, judgement: .success(late)).findings.levels == ["ok clock"])
    // What is not understood is not guessed at.
    #expect(check(0, "token expired a very long time ago").levels == ["ok clock"])
    #expect(check(300, "no", .tokenSignature).levels == ["problem clock"])
    #expect(ClockCheck(stamp: nil).findings.levels == ["skipped clock"])
  }

  @Test("dates are read as HTTP writes them, and in no other way")
  func dates() {
    #expect(HTTPDate.seconds("Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
    #expect(HTTPDate.seconds("Thu, 29 Feb 2024 23:59:60 GMT") == 1_709_251_200)
    for text in [
      "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
      "Sun, 06 Nov 1994 24:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 99999999999 Nov 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49 GMT", "Sun, 06 Nov 1994 -1:49:37 GMT",
    ] {
      #expect(HTTPDate.seconds(text) == nil, "\(text)")
    }
  }
}
