import NotifluxClient
import NotifluxProtocol

/// Which pages may connect. Browsers send their page's origin with every WebSocket, and let a page of another origin read
/// an answer over HTTP only where the server says so (CORS, Fetch standard §3.2).
struct OriginCheck: Sendable {
  /// A handshake as a page would make it.
  typealias Handshake = Result<WebSocketCheck.Opened, ClientError>

  struct Page: Sendable {
    let origin: String
    let handshake: Handshake
    /// What a browser asks before it publishes: `OPTIONS /broadcast`.
    let preflight: Result<HTTPReply, ClientError>
    /// The answer to `GET /events`, whatever it is.
    let events: Result<HTTPReply, ClientError>
  }

  let endpoint: Endpoint
  /// `nil` without `--origin`.
  let page: Page?
  /// A handshake from an origin that nobody has allowed.
  let stranger: Handshake

  /// No such host can exist (RFC 6761 §6.4).
  static let strangeOrigin = "https://doctor.invalid"

  var findings: [Finding] {
    guard let page else {
      return isOpen
        ? [.ok(.origin, "pages of any origin may connect; serve --allow-origin names those that may")]
        : [.skipped(.origin, "only certain origins may connect; give --origin ORIGIN to see whether your page's may")]
    }
    if case .failure(let error) = page.handshake { return [refusal(page, error)] }
    var findings = [
      Finding.ok(.origin, "pages of \(page.origin) may connect\(isOpen ? ", as those of any other" : "")")
    ]
    if !isOwn(page.origin) { findings += cors(page) }
    return findings
  }

  private var isOpen: Bool { if case .success = stranger { true } else { false } }

  private func refusal(_ page: Page, _ error: ClientError) -> Finding {
    if case .refused(let refusal, 403?) = error {
      return .problem(
        .origin, "pages of \(page.origin) are refused: \(refusal.message)",
        why: "browsers send the origin of the page that connects, and the server does not know this one",
        Remedy("start the server with --allow-origin \(page.origin) (NOTIFLUX_ALLOW_ORIGIN=\(page.origin))"))
    }
    return .problem(
      .origin, "pages of \(page.origin): \(error.inWords)", why: "the same handshake may pass without an Origin",
      .mending(error, else: Remedy("see what the proxy does with Origin (a filter, a cross-site check)")))
  }

  /// What a page over plain HTTP may do: publish, and read event streams.
  private func cors(_ page: Page) -> [Finding] {
    let uses = [("POST /broadcast", page.preflight), ("GET /events", page.events)]
    let answers = uses.compactMap { (route, result) -> (route: String, allowed: [String])? in
      guard case .success(let reply) = result else { return nil }
      return (route, reply.head.all("access-control-allow-origin"))
    }
    let doubled = answers.filter { $0.allowed.count > 1 }.map(\.route)
    let missing = answers.filter { $0.allowed.count < 2 && !["*", page.origin].contains($0.allowed.first) }.map(\.route)
    var findings: [Finding] = []
    if !doubled.isEmpty {
      findings.append(
        .problem(
          .origin, "more than one Access-Control-Allow-Origin for \(doubled.joined(separator: " and "))",
          why: "browsers take that for none",
          Remedy("let only notiflux add it (serve --allow-origin): take add_header out of the proxy")))
    }
    if !missing.isEmpty {
      findings.append(
        .warning(
          .origin,
          "no Access-Control-Allow-Origin for pages of \(page.origin) at \(missing.joined(separator: " and "))",
          why: "they may open WebSockets, but not publish or read event streams over HTTP",
          Remedy("start the server with --allow-origin \(page.origin), if they are meant to")))
    }
    return findings
  }

  private func isOwn(_ origin: String) -> Bool {
    guard let other = try? Endpoint(origin) else { return false }
    return (other.host, other.port, other.isTLS) == (endpoint.host, endpoint.port, endpoint.isTLS)
  }
}
