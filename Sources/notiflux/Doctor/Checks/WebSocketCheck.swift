import NotifluxClient
import NotifluxProtocol

/// Whether a WebSocket comes about.
struct WebSocketCheck: Sendable {
  struct Opened: Sendable, Equatable {
    /// Whether `notiflux.v1` was agreed on.
    var speaksEnvelopes: Bool
    var took: Duration
  }

  let result: Result<Opened, ClientError>

  var findings: [Finding] {
    do {
      let opened = try result.get()
      if opened.speaksEnvelopes { return [.ok(.websocket, "opens in \(opened.took.inWords)")] }
      return [
        .warning(
          .websocket, "opens, but without the subprotocol notiflux.v1",
          why: "clients get text mode: no cursors, and what is published while they are away is lost",
          Remedy(
            "have the proxy pass Sec-WebSocket-Protocol on; notiflux 0.2 speaks text mode only", in: .location("= /ws"),
            nginx: ["proxy_set_header Sec-WebSocket-Protocol $http_sec_websocket_protocol;"]))
      ]
    } catch {
      return [Self.failure(error)]
    }
  }

  private static func failure(_ error: ClientError) -> Finding {
    switch error {
    case .refused(let refusal, 426?), .refused(let refusal, 400?):
      problem("reaches notiflux as a plain request: \(refusal.message)", "the proxy drops the Upgrade", upgrade)
    case .refused(let refusal, 404?):
      problem("reaches notiflux under another path: \(refusal.message)", "the proxy rewrites the path", path)
    case .refused(let refusal, 403?):
      problem(
        "is refused: \(refusal.message)", "somebody in front adds an Origin, for we sent none",
        Remedy(
          "leave the Origin as clients send it", in: .location("= /ws"),
          nginx: ["proxy_set_header Origin $http_origin;"]))
    case .refused(let refusal, _):
      problem(
        "is refused: \(refusal.message)", "notiflux takes no new clients now",
        Remedy("see its log (journalctl -u notiflux), and --max-connections if it is full"))
    case .unexpectedAnswer(_, 500, _):
      problem("\(error)", "the proxy fails for itself", .moreConnections)
    case .unexpectedAnswer(_, 502...504, _):
      problem("\(error)", "the proxy does not get through to notiflux for /ws", .startServer)
    case .unexpectedAnswer(_, 400, _), .unexpectedAnswer(_, 426, _), .unexpectedAnswer(_, 200, _),
      .unexpectedAnswer(_, 101, _):
      problem("\(error)", "the proxy takes the Upgrade for itself, or does not know what it is", upgrade)
    case .unexpectedAnswer:
      problem("\(error)", "the proxy does not pass /ws on", passOn)
    case .timedOut, .unreachable:
      problem(
        "\(error)", "something on the way swallows the Upgrade: a firewall, or a proxy that speaks no WebSocket",
        upgrade)
    case .tls: problem(error.inWords, "there is no connection to open it on", .mending(error, else: .waitOut))
    case .closed, .noToken, .cancelled: problem("\(error)", "the server left at once", .waitOut)
    }
  }

  private static func problem(_ seen: String, _ why: String, _ remedy: Remedy) -> Finding {
    .problem(.websocket, seen, why: "\(why); no browser can subscribe", remedy)
  }

  private static let passing = [
    "proxy_http_version 1.1;", "proxy_set_header Host $http_host;", "proxy_set_header Upgrade $http_upgrade;",
    #"proxy_set_header Connection "upgrade";"#,
  ]
  private static let upgrade = Remedy(
    "have every proxy on the way pass Upgrade and Connection on, in HTTP/1.1", in: .location("= /ws"), nginx: passing)
  private static let passOn = Remedy(
    "have the proxy pass /ws on to notiflux, upgrades included, or give the URL with the path under which it does",
    in: .location("= /ws"), nginx: ["proxy_pass http://127.0.0.1:8080;"] + passing)
  private static let path = Remedy(
    "pass the path on as it is, below the prefix that the URL has: no path behind the address in proxy_pass",
    in: .location("= /ws"), nginx: ["proxy_pass http://127.0.0.1:8080;"])
}
