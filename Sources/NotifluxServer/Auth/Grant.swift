import NotifluxJWT
import NotifluxProtocol

/// That a token opened a topic a moment ago: for who asks the same again and again. It is good for a second at most, so
/// that the table of remembered tokens keeps knowing which of them are in use.
struct Grant: Sendable {
  /// For one topic.
  let request: TokenRequest
  /// When it was given, and until when it is good, in seconds since 1970: never longer than the token.
  let given: Double
  let until: Double
  /// Of the keys.
  let generation: Int

  /// Whether it is for this token, scope and topic, byte for byte.
  func covers(_ token: String, _ scope: Scope, _ topics: [Topic]) -> Bool {
    topics.count == 1 && request.scope == scope && request.topics == topics && request.token.hasSameBytes(as: token)
  }
}
