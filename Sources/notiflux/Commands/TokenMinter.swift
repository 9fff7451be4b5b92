import NotifluxJWT

/// Makes tokens with one key, each valid from now on.
struct TokenMinter: Sendable {
  let key: PrivateKey
  var timeToLive: Duration = .seconds(60)
  var subject: String?
  /// For `kid`.
  var keyID: String?
  /// For `jti`.
  var id: String?

  func token(_ scope: Scope, topics: [String]) throws -> String {
    let now = Timestamp.now()
    let (seconds, attoseconds) = timeToLive.components
    // Whole seconds are what other libraries write; a token never ends before its time.
    let expires = (now + Double(seconds) + Double(attoseconds) / 1e18).rounded(.up)
    let claims = Claims(
      topics: topics, scope: scope, expires: expires, issuedAt: now.rounded(.down), id: id, subject: subject)
    return try TokenSigner(key: key).sign(claims, keyID: keyID)
  }
}
