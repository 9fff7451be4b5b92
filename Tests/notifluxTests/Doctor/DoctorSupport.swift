import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

/// A server somewhere else.
let away = endpoint("https://push.example.com")

func endpoint(_ url: String) -> Endpoint {
  do { return try Endpoint(url) } catch { fatalError("\(error)") }
}

func reply(_ status: Int, _ body: String = "", _ fields: [String]..., keepsAlive: Bool = true) -> HTTPReply {
  HTTPReply(head: HTTPReplyHead(status: status, fields: fields, keepsAlive: keepsAlive), body: Array(body.utf8))
}

/// As notiflux refuses.
func refusal(_ status: Int, _ code: ErrorCode, _ message: String = "no") -> HTTPReply {
  reply(status, String(decoding: BroadcastAnswer.refused(Refusal(code, message)).json, as: UTF8.self))
}

let page = reply(404, "<html>Not Found</html>", ["server", "nginx/1.22.1"])
let silence = ClientError.timedOut(away, reason: "no complete answer within 10 s")

extension [Finding] {
  /// `problem websocket`, one each.
  var levels: [String] { map { "\($0.level.rawValue) \($0.check.rawValue)" } }
  /// All that is said, in one text.
  var text: String { map { $0.text(columns: 1000, isColoured: false) }.joined() }
}
