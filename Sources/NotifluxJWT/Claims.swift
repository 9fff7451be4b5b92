import NotifluxProtocol

/// What a token opens: publishing or subscribing, never both.
public enum Scope: String, Sendable, CaseIterable {
  /// To receive the messages of the token's topics.
  case subscribe
  /// To publish messages to the token's topics.
  case broadcast
}

/// What a token says (RFC 7519 §4). Times are seconds since 1970-01-01T00:00Z and may have a fraction (NumericDate,
/// RFC 7519 §2).
public struct Claims: Sendable {
  /// The topics the token is for, compared byte for byte (`topics`).
  public var topics: [String]
  /// What the token opens (`scope`).
  public var scope: Scope
  /// From this time on the token is refused (`exp`, RFC 7519 §4.1.4).
  public var expires: Double
  /// Before this time the token is refused (`nbf`, RFC 7519 §4.1.5).
  public var notBefore: Double?
  /// When the token was made (`iat`, RFC 7519 §4.1.6); judged where its subject is revoked.
  public var issuedAt: Double?
  /// The token's own name (`jti`, RFC 7519 §4.1.7), by which it can be revoked.
  public var id: String?
  /// Whom the token is for (`sub`); any JSON value. One that is a text can be revoked.
  package var subjectValue: JSONValue?

  /// Claims for a token that is to be signed.
  public init(
    topics: [String], scope: Scope, expires: Double, notBefore: Double? = nil, issuedAt: Double? = nil,
    id: String? = nil, subject: String? = nil
  ) {
    self.topics = topics
    self.scope = scope
    self.expires = expires
    self.notBefore = notBefore
    self.issuedAt = issuedAt
    self.id = id
    subjectValue = subject.map { .string($0) }
  }

  /// Whom the token is for (`sub`, RFC 7519 §4.1.2), if that is a text.
  public var subject: String? {
    get { subjectValue?.string }
    set { subjectValue = newValue.map { .string($0) } }
  }

  /// Throws why good claims do not hold at `now`, in seconds since 1970, or do not open every one of `topics` for
  /// `scope`; what of `TokenVerifier.authorize` must be done anew at each use.
  package func check(
    scope: Scope, topics: [Topic], now: Double, leeway: Double
  ) throws(Refusal) {
    // The one topic of nearly every use needs no array of its own.
    if topics.count == 1, self.scope == scope, allows(topic: topics[0].text) {
      return try ClaimsJudge.checkTime(self, now: now, leeway: leeway)
    }
    try ClaimsJudge.check(self, scope: scope, topics: topics.map(\.text), now: now, leeway: leeway)
  }

  /// Whether `topic` is one of the token's topics, byte for byte.
  public func allows(topic: String) -> Bool {
    topics.contains { $0.hasSameBytes(as: topic) }
  }
}

extension Claims: Equatable {
  /// Whether both say the same, texts compared byte for byte.
  public static func == (left: Claims, right: Claims) -> Bool {
    left.topics.elementsEqual(right.topics) { $0.hasSameBytes(as: $1) } && left.scope == right.scope
      && left.expires == right.expires && left.notBefore == right.notBefore && left.issuedAt == right.issuedAt
      && left.id.map { ByteKey($0) } == right.id.map { ByteKey($0) } && left.subjectValue == right.subjectValue
  }
}
