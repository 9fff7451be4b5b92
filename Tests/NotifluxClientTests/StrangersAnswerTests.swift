import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("An answer that is not notiflux's")
struct StrangersAnswerTests {
  private let endpoint: Endpoint

  init() throws { endpoint = try Endpoint("http://h/hub") }

  private func error(_ status: Int, _ body: String, location: String? = nil) -> ClientError? {
    switch Verdict(HTTPAnswer(status: status, body: ByteBuffer(string: body), location: location), from: endpoint) {
    case .failed(let error), .temporary(let error, _, _): error
    case .accepted: nil
    }
  }

  @Test(
    "with 502, 503 or 504 means that a proxy does not reach the server; its page is not shown, a short text is",
    arguments: [502, 503, 504])
  func proxy(status: Int) {
    #expect(
      error(status, "\r\n<html><body>Bad Gateway</body></html>")?.description
        == "cannot reach http://h/hub: a proxy answered \(status), not notiflux; is the server behind it running?")
    #expect(
      error(status, "no healthy\nupstream")?.description == "cannot reach http://h/hub: a proxy answered \(status) "
        + "(no healthy upstream), not notiflux; is the server behind it running?")
    let long = error(status, String(repeating: "x", count: 100_000))?.description
    #expect(long.map { $0.count < 200 } == true)
  }

  @Test("with another status is told in one line")
  func other() {
    #expect(
      error(404, "<!doctype html>")?.description
        == "http://h/hub answered 404, not as a notiflux server does; is it the right URL?")
    #expect(error(500, "oops")?.description == "http://h/hub answered 500, not as a notiflux server does: oops")
    #expect(
      error(302, "<a>")?.description
        == "http://h/hub answered 302, not as a notiflux server does; is it the right URL?")
  }

  @Test(
    "that redirects says where to, and which URL to give",
    arguments: [
      ("https://h/hub/broadcast", "https://h/hub"), ("https://H:443/hub/ws/", "https://h/hub"),
      ("wss://push.example.com/ws", "https://push.example.com"), ("//other:8080/broadcast", "http://other:8080"),
      ("/push/broadcast", "http://h/push"),
    ])
  func redirection(location: String, url: String) {
    #expect(
      error(301, "<html>", location: location)?.description
        == "http://h/hub answered 301, a redirection to \(location); give --url \(url)")
  }

  @Test(
    "that redirects to no server, or back, gives no advice",
    arguments: [
      "https://id.example.com/login?next=/hub/broadcast", "http://h/hub/broadcast/", "broadcast/", "/", "ftp://h/ws",
    ])
  func detour(location: String) {
    #expect(
      error(302, "<html>", location: location)?.description
        == "http://h/hub answered 302, a redirection to \(location)")
  }
}
