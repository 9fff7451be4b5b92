import NotifluxClient
import NotifluxProtocol

/// Whether notiflux answers, whether it wants traffic, and whether the connection lasts from one request to the next.
struct HealthCheck: Sendable {
  let endpoint: Endpoint
  /// `GET /health`.
  let health: Result<HTTPReply, ClientError>
  /// `GET /ready`, on the same connection if that was kept; `nil` where the first answer left no room for it.
  var ready: Result<HTTPReply, ClientError>?

  /// Where everything is sent elsewhere, there is no more to be found out.
  var redirect: String? {
    guard case .success(let reply) = health, [301, 302, 303, 307, 308].contains(reply.head.status) else { return nil }
    return reply.head.first("location") ?? ""
  }

  var findings: [Finding] {
    let reply: HTTPReply
    do { reply = try health.get() } catch {
      return [
        .problem(
          .health, "GET /health: \(error.inWords)", why: "something took the connection but did not answer",
          .mending(error, else: .startServer))
      ]
    }
    if let redirect { return [redirected(to: redirect, reply)] }
    guard isHealthy(reply) else { return [stranger(reply)] }
    return readiness(reply) + persistence(reply)
  }

  private func redirected(to location: String, _ reply: HTTPReply) -> Finding {
    let target = location.hasSuffix("/health") ? String(location.dropLast(7)) : location
    return .problem(
      .health, "\(endpoint) redirects to \(location.isEmpty ? "nowhere" : location)",
      why: "no client follows a redirect on a WebSocket, and a POST that is redirected loses its body",
      Remedy("use \(target) itself, in your clients too: notiflux doctor \(target)"))
  }

  private func isHealthy(_ reply: HTTPReply) -> Bool {
    guard reply.head.status == 200, case .object(let object)? = try? JSONValue.parse(reply.body) else { return false }
    return object["status"]?.string == "ok"
  }

  private func stranger(_ reply: HTTPReply) -> Finding {
    switch reply.head.status {
    case 500 where reply.head.proxy != nil:
      .problem(
        .health, "GET /health: \(reply.description)", why: "the proxy answers, but fails for itself", .moreConnections)
    case 502, 503, 504:
      .problem(
        .health, "GET /health: \(reply.description)", why: "the proxy answers, but does not get through to notiflux",
        .startServer)
    case 401, 403, 404, 405:
      .warning(
        .health, "GET /health: \(reply.description)",
        why: "either the URL is not that of notiflux, or health checks cannot see it", .passOn("/health"))
    default:
      .problem(
        .health, "GET /health: \(reply.description)", why: "what answers there is not notiflux", .passOn("/health"))
    }
  }

  private func readiness(_ reply: HTTPReply) -> [Finding] {
    let proxy = reply.head.proxy.map { "; \($0) in front" } ?? ""
    if case .success(let ready)? = ready, let refusal = ready.refusal, ready.head.status == 503 {
      return [
        .problem(
          .health, "GET /ready: \(refusal.message)", why: "the server takes no new clients", .startServer)
      ]
    }
    return [.ok(.health, "answers in \(reply.took.inWords)\(proxy)")]
  }

  private func persistence(_ reply: HTTPReply) -> [Finding] {
    let lasted = if case .success? = ready { reply.head.keepsAlive } else { false }
    if lasted { return [.ok(.connection, "stays open for the next request")] }
    return [
      .warning(
        .connection, "is closed after one request",
        why: "every publish pays for a new connection, with TLS for a new handshake",
        Remedy("let clients keep their connections", in: .server, nginx: ["keepalive_timeout 75s;"]))
    ]
  }
}
