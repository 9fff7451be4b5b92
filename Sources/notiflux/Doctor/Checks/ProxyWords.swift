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

extension ClientError {
  /// What is asked after the certificate was judged can fail for the encryption, but is no matter of trust any more.
  var inWords: String {
    guard case .tls(let endpoint, let reason) = self else { return "\(self)" }
    return "no encrypted connection to \(endpoint): \(reason)"
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

  /// Of a handshake that was broken off nobody says why.
  static func endedHandshake(_ endpoint: Endpoint) -> Remedy {
    Remedy(
      "see the error log of the proxy: it is out of connections or descriptors (nginx: \"worker_connections are not enough\", "
        + "\"Too many open files\"; then raise them as below), it speaks no TLS on port \(endpoint.port), or it has no server for "
        + "the name \(endpoint.host)",
      in: .main, nginx: LimitsCheck.Nginx.directives)
  }

  static let moreConnections = Remedy(
    "see the error log of the proxy; with \"worker_connections are not enough\" there, raise nginx's", in: .main,
    nginx: LimitsCheck.Nginx.directives)

  /// What mends an error, where it is no matter of encryption by `other`.
  static func mending(_ error: ClientError, else other: Remedy) -> Remedy {
    if case .tls(let endpoint, _) = error { endedHandshake(endpoint) } else { other }
  }

  static let waitOut = Remedy("give --timeout a longer time if the way there is slow; else look at the proxy's log")
}

extension Duration {
  /// For a person: `412 µs`, `3.01 s`.
  var inWords: String { Figures.time(Int(inSeconds * 1e9)) }
}
