import NotifluxClient
import NotifluxProtocol

/// How far the server's clock is from ours. Tokens are made by one clock and judged by another.
struct ClockCheck: Sendable {
  /// The `Date` of an answer, and our clock in the middle of the exchange; seconds since 1970. A proxy puts in its own.
  struct Stamp: Sendable {
    let date: Int
    let ours: Double
    let roundTrip: Duration
  }

  let stamp: Stamp?
  /// How a token was received that had expired `expiredFor` seconds before, by our clock; `nil` where there is no key. The
  /// answer tells what the very clock says that judges tokens.
  var judgement: Result<HTTPReply, ClientError>?
  static let expiredFor = 60.0

  private static let much = 30.0
  private static let some = 2.0

  var findings: [Finding] {
    let byToken = judgement.flatMap { Self.seconds(in: $0) }.map { $0 - Self.expiredFor - onTheWay / 2 }
    let byDate = stamp.map { Double($0.date) + 0.5 - $0.ours }
    guard let skew = byToken ?? byDate else {
      return [.skipped(.clock, "no answer carries a Date; give --key FILE to have the server judge one of its tokens")]
    }
    // Both sources have whole seconds; the way there and back is not known apart.
    let doubt = 0.5 + (byToken == nil ? stamp?.roundTrip.inSeconds ?? 0 : onTheWay) / 2
    let source = byToken == nil ? "by the Date of its answers" : "by how it judges a token"
    let text = "\(Self.words(skew)), \(source)"
    switch abs(skew) - doubt {
    case Self.much...: return [.problem(.clock, text, why: Self.why(skew), Self.remedy)]
    case Self.some...: return [.warning(.clock, text, why: Self.why(skew), Self.remedy)]
    default: break
    }
    if byToken != nil, let byDate, abs(byDate) - 1 > Self.some {
      return [
        .warning(
          .clock, "the proxy's clock is \(Self.words(byDate)); notiflux's is right",
          why: "its logs and caches are off; tokens are not touched", Self.remedy)
      ]
    }
    return [.ok(.clock, "no noticeable difference, \(source)")]
  }

  /// Seconds from the making of the token until its judgement was known.
  private var onTheWay: Double { ((try? judgement?.get())?.took ?? .zero).inSeconds }

  /// The amount in `token expired 12 s ago`.
  private static func seconds(in judgement: Result<HTTPReply, ClientError>) -> Double? {
    guard case .success(let reply) = judgement, let refusal = reply.refusal, refusal.code == .tokenExpired else {
      return nil
    }
    let words = refusal.message.split(separator: " ")
    guard words.count >= 4, words.last == "ago" else { return nil }
    let units = ["s": 1.0, "min": 60, "h": 3600, "days": 86_400]
    guard let unit = units[String(words[words.count - 2])] else { return nil }
    // "less than 1 s"
    guard let amount = Double(words[words.count - 3]) else { return nil }
    return words.contains("less") ? 0.5 : (amount + 0.5) * unit
  }

  private static func words(_ skew: Double) -> String {
    let amount =
      abs(skew) < 120
      ? "\(Figures.fraction(abs(skew), digits: 0)) s" : "\(Figures.fraction(abs(skew) / 60, digits: 0)) min"
    return "\(amount) \(skew > 0 ? "ahead of" : "behind") this machine's"
  }

  private static func why(_ skew: Double) -> String {
    skew > 0
      ? "tokens made here live that much shorter, and those that end sooner are refused as expired"
      : "tokens with an nbf made here are refused as not yet valid, and all live that much longer"
  }

  private static let remedy = Remedy(
    "run NTP on both machines (timedatectl set-ntp true; chronyc tracking); until then tokens need a longer --ttl, or the "
      + "server a --leeway")
}
