/// What of a good token has to be judged again when keys or revocations change: who signed it, and its names. The rest of
/// the claims is judged at each use.
package struct TokenOrigin: Sendable {
  let key: PublicKey
  let id: String?
  let subject: String?
  let issuedAt: Double?

  package init(of claims: Claims, signedBy key: PublicKey) {
    self.key = key
    id = claims.id
    subject = claims.subject
    issuedAt = claims.issuedAt
  }
}
