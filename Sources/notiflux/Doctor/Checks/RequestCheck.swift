import NotifluxClient
import NotifluxProtocol

/// Whether the token's header field and a large body get through: by requests that the server itself refuses, so that
/// nothing is published.
struct RequestCheck: Sendable {
  /// A publish with the header field `Authorization: Bearer doctor`, and no other token.
  let bearer: Result<HTTPReply, ClientError>
  /// A publish of ``largeBody`` bytes to no topic.
  let large: Result<HTTPReply, ClientError>

  /// 1.5 MiB: above nginx's default limit of 1 MiB, below the 2 MiB of `--max-message-size`.
  static let largeBody = 3 << 19

  var findings: [Finding] { [authorization, size] }

  private var authorization: Finding {
    let reply: HTTPReply
    do { reply = try bearer.get() } catch {
      return .problem(
        .authorization, "POST /broadcast: \(error.inWords)", why: "nothing can be published",
        .mending(error, else: .waitOut))
    }
    switch reply.refusal?.code {
    case .tokenMissing?:
      return .problem(
        .authorization, "the header field Authorization does not reach notiflux",
        why: "publishes and event streams that carry their token there are refused as token_missing",
        Remedy(
          "have the proxy pass it on, for /events too; it must not use the field for a password of its own",
          in: .location("= /broadcast"),
          nginx: ["proxy_set_header Authorization $http_authorization;", "auth_basic off;"]))
    case .rateLimited?, .draining?: return .skipped(.authorization, reply.refusal?.message ?? "")
    case _?: return .ok(.authorization, "the header field reaches notiflux")
    case nil where reply.head.status == 401:
      return .problem(
        .authorization, "POST /broadcast: \(reply.description)",
        why: "somebody in front of notiflux wants a password, in the field that carries notiflux's tokens",
        Remedy(
          "leave the check of who may publish to notiflux", in: .location("= /broadcast"), nginx: ["auth_basic off;"]))
    case nil: return .skipped(.authorization, Self.notPassedOn(reply))
    }
  }

  private var size: Finding {
    let bytes = "1.5 MiB"
    let reply: HTTPReply
    do { reply = try large.get() } catch {
      if case .timedOut = error {
        return .problem(.size, "a body of \(bytes): \(error.inWords)", why: "large messages take too long", .waitOut)
      }
      return .problem(
        .size, "a body of \(bytes): \(error.inWords)", why: "large messages cannot be published",
        .mending(error, else: Self.largerBodies))
    }
    if let refusal = reply.refusal {
      return refusal.code == .tooLarge
        ? .ok(.size, "the server's own limit applies: \(refusal.message)")
        : .ok(.size, "a body of \(bytes) gets through")
    }
    guard reply.head.status == 413 else { return .skipped(.size, Self.notPassedOn(reply)) }
    return .problem(
      .size, "a body of \(bytes): \(reply.description)",
      why: "the proxy refuses what --max-message-size (2 MiB) allows, and not in the JSON that clients read",
      Self.largerBodies)
  }

  private static let largerBodies = Remedy(
    "let the proxy take at least --max-message-size", in: .server, nginx: ["client_max_body_size 2m;"])

  /// A proxy may well keep publishing to itself: backends can talk to notiflux directly.
  static func notPassedOn(_ reply: HTTPReply) -> String {
    "POST /broadcast is not passed on (\(reply.description)); fine if only your backends publish, and directly"
  }
}
