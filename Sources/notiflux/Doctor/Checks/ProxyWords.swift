import NotifluxClient
import NotifluxProtocol

extension HTTPReplyHead {
  /// What says of itself that it stands between us and notiflux, which names itself nowhere: `nginx/1.22.1`.
  var proxy: String? { first("server") ?? first("via") }
}

extension HTTPReply {
  /// The refusal of a notiflux server; `nil` where somebody else answered, or it was none.
  var refusal: Refusal? {
    body.withUnsafeBytes { bytes in
      if case .refused(let refusal)? = BroadcastAnswer(json: bytes) { refusal } else { nil }
    }
  }

  /// `404 from nginx/1.22.1`, and the beginning of what was said, unless that is a page for browsers.
  var description: String {
    let from = head.proxy.map { " from \($0)" } ?? ""
    return "\(head.status)\(from)" + (snippet.isEmpty || snippet.hasPrefix("<") ? "" : ": \(snippet)")
  }
}

/// What several checks advise.
extension Remedy {
  static func passOn(_ path: String) -> Remedy {
    Remedy(
      "have the proxy pass \(path) on to notiflux, or give the URL with the path under which it does",
      in: .location("= \(path)"), nginx: ["proxy_pass http://127.0.0.1:8080;"])
  }

  static let startServer = Remedy(
    "start notiflux (systemctl status notiflux; journalctl -u notiflux), and see that the proxy connects to the address "
      + "it listens on (nginx: proxy_pass and upstream)")

  static let waitOut = Remedy("give --timeout a longer time if the way there is slow; else look at the proxy's log")
}

extension Duration {
  /// For a person: `412 µs`, `3.01 s`.
  var inWords: String { Figures.time(Int(inSeconds * 1e9)) }
}
