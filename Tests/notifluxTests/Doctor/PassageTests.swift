import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("Doctor judges what gets through:") struct PassageTests {
  private func requests(bearer: HTTPReply, large: HTTPReply = refusal(400, .topicInvalid)) -> [Finding] {
    RequestCheck(bearer: .success(bearer), large: .success(large)).findings
  }

  @Test("the token's header field: a server that calls it malformed has seen it")
  func authorization() {
    #expect(requests(bearer: refusal(401, .tokenMalformed))[0].level == .ok)
    #expect(requests(bearer: refusal(401, .tokenMissing))[0].level == .problem)
    #expect(requests(bearer: reply(401, "<html>Authorization Required"))[0].level == .problem)
    #expect(requests(bearer: page)[0].level == .skipped)
    #expect(requests(bearer: refusal(429, .rateLimited))[0].level == .skipped)
    #expect(
      RequestCheck(bearer: .failure(silence), large: .failure(silence)).findings.levels == [
        "problem authorization", "problem size",
      ])
  }

  @Test("a large body: refused by the server itself it got through, refused by a proxy it did not")
  func size() {
    let seen = refusal(401, .tokenMalformed)
    #expect(requests(bearer: seen)[1].level == .ok)
    #expect(requests(bearer: seen, large: refusal(413, .tooLarge, "at most 1 MiB"))[1].level == .ok)
    let html = requests(bearer: seen, large: reply(413, "<html>Request Entity Too Large", ["server", "nginx"]))[1]
    #expect(html.level == .problem)
    #expect(html.seen.contains("413 from nginx"))
    #expect(html.remedy?.nginx == ["client_max_body_size 2m;"])
    #expect(requests(bearer: seen, large: page)[1].level == .skipped)
    // The way there may just be slow, which no directive mends.
    let slow = RequestCheck(bearer: .success(seen), large: .failure(silence)).findings[1]
    #expect(slow.level == .problem && slow.remedy?.nginx == [] && slow.remedy?.text.contains("--timeout") == true)
  }

  @Test(
    "a handshake that fails, by who answered it and how",
    arguments: [
      (ClientError.refused(Refusal(.badRequest, "connect with ws://"), status: 426), "drops the Upgrade", true),
      (.refused(Refusal(.badRequest, "in HTTP/1.1"), status: 400), "drops the Upgrade", true),
      (.refused(Refusal(.notFound, "nothing is served here"), status: 404), "rewrites the path", true),
      (.refused(Refusal(.badRequest, "pages of this origin"), status: 403), "adds an Origin", true),
      (.refused(Refusal(.rateLimited, "full"), status: 429), "no new clients", false),
      (.unexpectedAnswer(away, status: 502, snippet: "<html>"), "does not get through", false),
      (.unexpectedAnswer(away, status: 500, snippet: "<html>"), "fails for itself", true),
      (.unexpectedAnswer(away, status: 404, snippet: "<html>"), "does not pass /ws on", true),
      (.unexpectedAnswer(away, status: 200, snippet: "<html>"), "takes the Upgrade for itself", true),
      (silence, "swallows the Upgrade", true),
      (.unreachable(away, reason: "the connection was reset"), "swallows the Upgrade", true),
    ])
  func webSocket(error: ClientError, why: String, hasDirectives: Bool) {
    let finding = WebSocketCheck(result: .failure(error)).findings.first
    #expect(finding?.level == .problem)
    #expect(finding?.why?.contains(why) == true)
    #expect(finding?.remedy?.nginx.isEmpty == !hasDirectives)
  }

  @Test("a WebSocket without the subprotocol is a warning")
  func subprotocol() {
    let opened = WebSocketCheck.Opened(speaksEnvelopes: false, took: .milliseconds(5))
    #expect(WebSocketCheck(result: .success(opened)).findings.levels == ["warning websocket"])
  }

  private let opens = OriginCheck.Handshake.success(.init(speaksEnvelopes: true, took: .zero))
  private let forbidden = OriginCheck.Handshake.failure(.refused(Refusal(.badRequest, "not yours"), status: 403))

  private func origin(_ page: OriginCheck.Handshake?, allowed: [String] = [], stranger: OriginCheck.Handshake)
    -> [Finding]
  {
    let answer = HTTPReply(
      head: HTTPReplyHead(status: 204, fields: allowed.map { ["access-control-allow-origin", $0] }))
    let page = page.map {
      OriginCheck.Page(
        origin: "https://www.example.com", handshake: $0, preflight: .success(answer), events: .success(answer))
    }
    return OriginCheck(endpoint: away, page: page, stranger: stranger).findings
  }

  @Test("an origin that may not connect is a problem; without one, whether any may is told")
  func origins() {
    #expect(origin(nil, stranger: opens).levels == ["ok origin"])
    #expect(origin(nil, stranger: forbidden).levels == ["skipped origin"])
    let refused = origin(forbidden, stranger: forbidden)
    #expect(refused.levels == ["problem origin"])
    #expect(refused.first?.remedy?.text.contains("--allow-origin https://www.example.com") == true)
    #expect(origin(.failure(silence), stranger: opens).levels == ["problem origin"])
  }

  @Test("what a page may read is judged as a browser does: one Access-Control-Allow-Origin, for it or for all")
  func cors() {
    #expect(origin(opens, allowed: ["*"], stranger: opens).levels == ["ok origin"])
    #expect(origin(opens, allowed: ["https://www.example.com"], stranger: forbidden).levels == ["ok origin"])
    #expect(origin(opens, stranger: opens).levels == ["ok origin", "warning origin"])
    #expect(
      origin(opens, allowed: ["https://other.example"], stranger: opens).levels
        == ["ok origin", "warning origin"])
    #expect(
      origin(opens, allowed: ["*", "https://www.example.com"], stranger: opens).levels
        == ["ok origin", "problem origin"])
  }
}
