/// What of a good token has to be judged again when keys or revocations change: who signed it, and its names. The rest of
/// the claims is judged at each use.
package struct TokenOrigin: Sendable {
  let key: PublicKey
  package let names: TokenNames?

  package init(of claims: Claims, signedBy key: PublicKey) {
    self.key = key
    names = TokenNames(of: claims)
  }
}

/// By what a good token can be revoked. One object for all that was opened with it.
package final class TokenNames: Sendable {
  let id: String?
  let subject: String?
  let issuedAt: Double?

  /// `nil` for a token that has neither `jti` nor a `sub` that is a string.
  package init?(of claims: Claims) {
    guard claims.id != nil || claims.subject != nil else { return nil }
    id = claims.id
    subject = claims.subject
    issuedAt = claims.issuedAt
  }
}
