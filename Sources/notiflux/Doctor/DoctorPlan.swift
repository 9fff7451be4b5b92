import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// What a run of `notiflux doctor` was asked to look into, and with what.
struct DoctorPlan: Sendable {
  let endpoint: Endpoint
  let configuration: ClientConfiguration
  /// How long connections are left alone to see whether they last; zero for not at all.
  let wait: Duration
  /// What the page's origin will be.
  let origin: String?
  /// What is published, and nothing else, goes here.
  let topic: Topic
  /// Nobody else's, so that a token for it is worth nothing.
  let isTopicFresh: Bool
  /// Each is a token for ``topic``, or what to give to get one.
  var subscribing: Result<String, MissingToken>
  var publishing: Result<String, MissingToken>
  /// Signed by a key that is at hand, and out of date by ``ClockCheck/expiredFor`` seconds.
  var expired: (@Sendable () throws -> String)?

  struct MissingToken: Error { let advice: String }

  /// How long one answer may take.
  var timeout: Duration { configuration.requestTimeout }
  /// How long a message may take before it counts as held back.
  var patience: Duration { min(timeout, .seconds(5)) }

  /// The same for a server that nobody vouches for: who else reads along may keep the tokens.
  var withoutSecrets: DoctorPlan {
    guard !isTopicFresh else { return self }
    var plan = self
    let advice = "a token for a topic of yours is not shown to a server that nobody vouches for; leave out --topic"
    (plan.subscribing, plan.publishing) = (.failure(.init(advice: advice)), .failure(.init(advice: advice)))
    plan.expired = nil
    return plan
  }

  /// A topic that is nobody else's.
  static var freshTopic: String { "notiflux-doctor-" + String(UInt64.random(in: 0 ... .max), radix: 36) }

  /// Signs with the key, so that tokens hold through the run whatever is wrong with a clock within reason.
  static func token(_ scope: Scope, _ topic: Topic, _ credentials: Credentials) throws -> String {
    guard case .minter(var minter) = credentials else { return try credentials.token(scope, topics: [topic]) }
    minter.timeToLive = .seconds(3600)
    return try minter.token(scope, topics: [topic.text])
  }

  static func expiredToken(_ topic: Topic, _ minter: TokenMinter) throws -> String {
    let claims = Claims(topics: [topic.text], scope: .broadcast, expires: Timestamp.now() - ClockCheck.expiredFor)
    return try TokenSigner(key: minter.key).sign(claims)
  }
}
