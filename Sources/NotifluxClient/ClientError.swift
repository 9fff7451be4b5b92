import NotifluxProtocol

/// Everything that can go wrong between a client and its server. Each prints as one line for a person that says how to
/// mend it; none holds a token.
public enum ClientError: Error, Sendable, Equatable {
  /// The server said no, or would have: `status` is `nil` where this library refused before anything was sent, and
  /// where the refusal came over a WebSocket.
  case refused(Refusal, status: Int?)
  /// There is no connection, or it broke.
  case unreachable(Endpoint, reason: String)
  /// The server was too slow; `reason` names what was waited for.
  case timedOut(Endpoint, reason: String)
  /// Something answered, but not a notiflux server: with `status` 502, 503 or 504 a proxy that does not reach it.
  /// `snippet` is where a redirection leads, else the beginning of what was said, on one line; empty for a page of HTML.
  case unexpectedAnswer(Endpoint, status: Int, snippet: String)
  /// No encrypted connection, or no trust in the server's certificate.
  case tls(Endpoint, reason: String)
  /// The server closed the WebSocket with this code (RFC 6455 §7.4; 1005 where it gave none).
  case closed(Endpoint, code: UInt16, reason: String)
  /// The callback that gives tokens threw.
  case noToken(String)
  /// The task was cancelled or the client shut down.
  case cancelled
}

extension ClientError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .refused(let refusal, nil): Self.line(refusal.message, limit: 400)
    case .refused(let refusal, _): "refused by the server: \(Self.line(refusal.message, limit: 400))"
    case .unreachable(let endpoint, let reason): "cannot reach \(endpoint): \(reason)"
    case .timedOut(let endpoint, let reason): "\(endpoint) timed out: \(reason)"
    case .unexpectedAnswer(let endpoint, let status, let snippet):
      Self.strangersAnswer(from: endpoint, status, snippet)
    case .tls(let endpoint, let reason): "no trusted connection to \(endpoint): \(reason)"
    case .closed(let endpoint, let code, ""): "\(endpoint) closed the connection with code \(code)"
    case .closed(let endpoint, let code, let reason):
      "\(endpoint) closed the connection with code \(code): \(Self.line(reason, limit: 123))"
    case .noToken(let reason): "no token: \(Self.line(reason, limit: 400))"
    case .cancelled: "cancelled"
    }
  }

  private static func strangersAnswer(from endpoint: Endpoint, _ status: Int, _ snippet: String) -> String {
    switch status {
    case 300..<400 where !snippet.isEmpty:
      let advice = endpoint.redirected(to: snippet).map { "; give --url \($0)" } ?? ""
      return "\(endpoint) answered \(status), a redirection to \(snippet)\(advice)"
    case 502...504:
      let said = snippet.isEmpty ? "" : " (\(snippet))"
      return "cannot reach \(endpoint): a proxy answered \(status)\(said), not notiflux; "
        + "is the server behind it running?"
    default:
      let said = snippet.isEmpty ? "; is it the right URL?" : ": \(snippet)"
      return "\(endpoint) answered \(status), not as a notiflux server does\(said)"
    }
  }

  /// What a stranger wrote, fit for a terminal: one line, no control characters, at most `limit` characters.
  static func line(_ text: some StringProtocol, limit: Int) -> String {
    var line = ""
    var blank = false
    for scalar in text.unicodeScalars.prefix(limit * 4) {
      if scalar.properties.isWhitespace || scalar.properties.generalCategory == .control {
        blank = !line.isEmpty
        continue
      }
      if blank { line += " " }
      blank = false
      line.unicodeScalars.append(scalar)
    }
    return line.count <= limit ? line : line.prefix(limit - 1) + "…"
  }
}
