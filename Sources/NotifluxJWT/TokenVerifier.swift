import NotifluxProtocol

/// Says whether a token may be used: form, signature, claims, time, and what it opens, in this order. Nothing is said
/// about the claims of a token whose signature is not good.
///
/// Which code stands for what: form and header `token_malformed`; no or another algorithm, a signature of the wrong
/// length or by no configured key `token_signature`; missing, mistyped or unaccepted claims `token_claims`; `exp` and
/// `nbf` `token_expired` and `token_not_yet_valid`; a good token for something else `token_scope`, `topic_not_allowed`.
///
/// All of it can be called from any thread; verifying takes one signature check per key tried, the rest is small.
public struct TokenVerifier: Sendable {
  private struct NamedKey: Sendable {
    let key: PublicKey
    let thumbprint: String
  }

  private let keys: [NamedKey]
  private let leeway: Double

  /// Accepts tokens signed by one of `keys`. `leeway` is how many seconds `exp` and `nbf` may be missed by.
  public init(keys: [PublicKey], leeway: Double = 0) {
    var known: Set<PublicKey> = []
    self.keys = keys.filter { known.insert($0).inserted }.map { NamedKey(key: $0, thumbprint: $0.thumbprint) }
    self.leeway = leeway
  }

  /// The claims of a token that holds at `now`, in seconds since 1970.
  public func verify(_ token: String, now: Double) throws(Refusal) -> Claims {
    try verify(Array(token.utf8), now: now)
  }

  /// The claims of a token that holds at `now`, in seconds since 1970.
  public func verify(_ token: [UInt8], now: Double) throws(Refusal) -> Claims {
    let claims = try claims(of: token)
    try checkTime(claims, now: now)
    return claims
  }

  /// The claims of a token that holds at `now` and opens every one of `topics` for `scope`.
  public func authorize(_ token: String, scope: Scope, topics: [String], now: Double) throws(Refusal) -> Claims {
    let claims = try claims(of: Array(token.utf8))
    try authorize(claims, scope: scope, topics: topics, now: now)
    return claims
  }

  /// The part of `authorize` that must be done anew at each use of claims that were verified before: time, scope,
  /// topics.
  public func authorize(_ claims: Claims, scope: Scope, topics: [String], now: Double) throws(Refusal) {
    try ClaimsJudge.check(claims, scope: scope, topics: topics, now: now, leeway: leeway)
  }

  /// The claims of a token whose form, signature and claims are good, whatever the time: the part of `verify` that can
  /// be remembered.
  public func claims(of token: [UInt8]) throws(Refusal) -> Claims {
    try claims(of: UnverifiedToken(token))
  }

  /// The rest of ``claims(of:)-([UInt8])``: one signature check per key tried, then the claims.
  package func claims(of token: UnverifiedToken) throws(Refusal) -> Claims {
    if let problem = signatureProblem(token.token) { throw problem }
    let reader = ClaimsReader(token.token.payload ?? [])
    if let problem = reader.problems.first { throw problem }
    guard let claims = reader.claims else { throw Refusal(.tokenClaims, "token claims cannot be read") }
    return claims
  }

  /// Why the signature is not accepted, nil if it is.
  func signatureProblem(_ token: CompactToken) -> Refusal? {
    guard let signature = token.signature else {
      return Refusal(.tokenSignature, "token has no readable signature")
    }
    for index in order(for: token.header) where ES256.isValid(signature, of: token.signedBytes, by: keys[index].key.key)
    { return nil }
    return Refusal(
      .tokenSignature,
      keys.isEmpty
        ? "token cannot be verified: no public key is configured"
        : "token signature is not by a configured key: sign with the private key that belongs to the public one here")
  }

  /// In which order the keys are tried: one whose thumbprint the header names as `kid` comes first.
  func order(for header: JSONObject?) -> [Int] {
    let named = header?["kid"]?.string
    let first = named.flatMap { name in keys.firstIndex { $0.thumbprint.hasSameBytes(as: name) } }
    var order = Array(keys.indices)
    if let first { order.swapAt(0, first) }
    return order
  }

  private func checkTime(_ claims: Claims, now: Double) throws(Refusal) {
    try ClaimsJudge.checkTime(claims, now: now, leeway: leeway)
  }
}
