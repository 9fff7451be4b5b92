/// Why something was refused: the closed list that is the same on every transport (HTTP bodies, text mode, envelopes).
///
/// The raw value is what goes over the wire.
public enum ErrorCode: String, Sendable, CaseIterable {
  /// No token came with a request that needs one.
  case tokenMissing = "token_missing"
  /// The token is not a compact JWS as we read it: size, parts, base64url, JSON or a header we never follow.
  case tokenMalformed = "token_malformed"
  /// The signature is not an ES256 signature by one of the configured keys.
  case tokenSignature = "token_signature"
  /// The time in `exp` has come.
  case tokenExpired = "token_expired"
  /// The time in `nbf` has not come yet.
  case tokenNotYetValid = "token_not_yet_valid"
  /// A claim is missing, of the wrong type or not accepted.
  case tokenClaims = "token_claims"
  /// The token is good, but for the other scope.
  case tokenScope = "token_scope"
  /// The token is good, but not for this topic.
  case topicNotAllowed = "topic_not_allowed"
  /// The topic is empty, too long or has control characters.
  case topicInvalid = "topic_invalid"
  /// The request cannot be understood.
  case badRequest = "bad_request"
  /// The request or message passes a size limit.
  case tooLarge = "too_large"
  /// The connection holds as many topics as it may.
  case tooManySubscriptions = "too_many_subscriptions"
  /// The sender must slow down.
  case rateLimited = "rate_limited"
  /// There is nothing at this path.
  case notFound = "not_found"
  /// The path exists, but not for this HTTP method.
  case methodNotAllowed = "method_not_allowed"
  /// The body is of a kind that is not read here.
  case unsupportedMediaType = "unsupported_media_type"
  /// The request did not arrive completely in time.
  case timeout = "timeout"
  /// The server is going down and takes nothing new.
  case draining = "draining"
  /// The server failed; the request may be right.
  case `internal` = "internal"
}
