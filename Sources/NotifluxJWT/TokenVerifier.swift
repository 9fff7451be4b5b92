import NotifluxProtocol

/// Says whether a token may be used: form, signature, claims, time, and what it opens, in this order. Nothing is said
/// about the claims of a token whose signature is not good.
///
/// Which code stands for what: form and header `token_malformed`; no or another algorithm, a signature of the wrong
/// length or by no configured key `token_signature`; missing, mistyped or unaccepted claims, and what is revoked,
/// `token_claims`; `exp` and `nbf` `token_expired` and `token_not_yet_valid`; a good token for something else
/// `token_scope`, `topic_not_allowed`.
///
/// All of it can be called from any thread; verifying takes one signature check per key tried, the rest is small.
public struct TokenVerifier: Sendable {
  private let keys: KeySet
  private let revocations: RevocationList
  private let leeway: Double

  /// Accepts tokens signed by one of `keys`, the one that the token's `kid` names being tried first, unless they are
  /// revoked. `leeway` is how many seconds `exp` and `nbf` may be missed by.
  public init(keys: KeySet, revocations: RevocationList = RevocationList(), leeway: Double = 0) {
    self.keys = keys
    self.revocations = revocations
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
    try check(UnverifiedToken(token)).claims
  }

  /// The rest of ``claims(of:)``: one signature check per key tried, then the claims. What is found good is so for every
  /// verifier that ``accepts(_:)`` its origin.
  package func check(_ token: UnverifiedToken) throws(Refusal) -> (claims: Claims, origin: TokenOrigin) {
    let key = try signer(of: token.token)
    let reader = ClaimsReader(token.token.payload ?? [])
    if let problem = reader.problems.first { throw problem }
    guard let claims = reader.claims else { throw Refusal(.tokenClaims, "token claims cannot be read") }
    let origin = TokenOrigin(of: claims, signedBy: key)
    guard !hasRevoked(origin.names) else { throw RevocationList.refusal }
    return (claims, origin)
  }

  /// Whether a token that another verifier has found good is so here too.
  package func accepts(_ origin: TokenOrigin) -> Bool { keys.contains(origin.key) && !hasRevoked(origin.names) }

  /// Whether the token of these names is among the revocations. One without names cannot be.
  package func hasRevoked(_ names: TokenNames?) -> Bool { names.map(revocations.holds) ?? false }

  /// The key that the signature is by; throws why it is not accepted.
  func signer(of token: CompactToken) throws(Refusal) -> PublicKey {
    guard let signature = token.signature else {
      throw Refusal(.tokenSignature, "token has no readable signature")
    }
    let order = keys.order(for: token.header?["kid"]?.string)
    for key in order where ES256.isValid(signature, of: token.signedBytes, by: key.key) { return key }
    throw Refusal(
      .tokenSignature,
      keys.isEmpty
        ? "token cannot be verified: no public key is configured"
        : "token signature is not by a configured key: sign with the private key that belongs to the public one here")
  }

  private func checkTime(_ claims: Claims, now: Double) throws(Refusal) {
    try ClaimsJudge.checkTime(claims, now: now, leeway: leeway)
  }
}
