/// Which `Origin` (RFC 6454) may open a WebSocket, and which gets CORS headers (Fetch standard §3.2). Requests without
/// an `Origin`, which no browser sends on its own behalf, are not its concern: tokens protect those.
public enum OriginPolicy: Sendable, Equatable {
  /// Any page may open a WebSocket; nothing is said about CORS.
  case unrestricted
  /// Any page may do both (`--allow-origin '*'`).
  case any
  /// Only pages of these origins, each written `scheme://host[:port]`.
  case only([String])

  /// `*` anywhere means ``any``; no origin at all means ``unrestricted``.
  public init(origins: [String]) {
    if origins.isEmpty {
      self = .unrestricted
    } else {
      self = origins.contains("*") ? .any : .only(origins.map { $0.lowercased() })
    }
  }

  func permitsWebSocket(from origin: String?) -> Bool {
    guard let origin, case .only(let allowed) = self else { return true }
    return allowed.contains(origin.lowercased())
  }

  /// The header fields that let a page of `origin` read the answer; none where it may not.
  func fields(for origin: String?) -> [HTTPResponse.Field] {
    switch self {
    case .unrestricted: []
    case .any: [("access-control-allow-origin", "*")]
    case .only(let allowed):
      if let origin, allowed.contains(origin.lowercased()) {
        [("access-control-allow-origin", origin), ("vary", "origin")]
      } else {
        [("vary", "origin")]
      }
    }
  }
}
