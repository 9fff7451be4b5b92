import NotifluxProtocol

/// What of good claims is judged anew at each use: time, scope and topics.
enum ClaimsJudge {
  /// Why claims do not hold at `now` (seconds since 1970): RFC 7519 §4.1.4 and §4.1.5, both with `leeway` seconds of
  /// grace.
  static func timeProblems(expires: Double?, notBefore: Double?, now: Double, leeway: Double) -> [Refusal] {
    var problems: [Refusal] = []
    if let expires, !(now - leeway < expires) {
      problems.append(Refusal(.tokenExpired, "token expired \(span(now - expires, .down)) ago"))
    }
    if let notBefore, !(now + leeway >= notBefore) {
      problems.append(Refusal(.tokenNotYetValid, "token not valid for another \(span(notBefore - now, .up))"))
    }
    return problems
  }

  /// Throws why claims do not hold at `now`.
  static func checkTime(_ claims: Claims, now: Double, leeway: Double) throws(Refusal) {
    guard !(now - leeway < claims.expires && now + leeway >= claims.notBefore ?? -.infinity) else { return }
    let problems = timeProblems(expires: claims.expires, notBefore: claims.notBefore, now: now, leeway: leeway)
    if let problem = problems.first { throw problem }
  }

  /// Throws why good claims do not hold at `now` or do not open all of `topics` for `scope`. Linear in the topics of
  /// both together.
  static func check(
    _ claims: Claims, scope: Scope, topics: [String], now: Double, leeway: Double
  ) throws(Refusal) {
    try checkTime(claims, now: now, leeway: leeway)
    guard claims.scope == scope else {
      throw Refusal(
        .tokenScope,
        "token is for scope \"\(claims.scope.rawValue)\"; this needs one made by notiflux token \(scope.rawValue)")
    }
    // Hashing all of the token's topics pays from about this number on.
    let allowed = topics.count > 8 ? Set(claims.topics.map(ByteKey.init)) : nil
    for topic in topics where !(allowed?.contains(ByteKey(topic)) ?? claims.allows(topic: topic)) {
      throw Refusal(.topicNotAllowed, "topic \(quoted(topic)) is not among the topics of the token")
    }
  }

  /// A time span for a person, in the unit that keeps it short; of any double, since claims hold any.
  private static func span(_ seconds: Double, _ rule: FloatingPointRoundingRule) -> String {
    let units = [(1.0, "s", 120.0), (60, "min", 7200), (3600, "h", 172_800), (86400, "days", .infinity)]
    guard seconds.isFinite else { return "a very long time" }
    if seconds < 1, rule == .down { return "less than 1 s" }
    let (size, name, _) = units.first { seconds < $0.2 } ?? (86400, "days", .infinity)
    return "\(Int(min((seconds / size).rounded(rule), 1e12))) \(name)"
  }

  private static func quoted(_ text: String) -> String {
    var bytes: [UInt8] = []
    JSONWriter.string(text, into: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }
}
