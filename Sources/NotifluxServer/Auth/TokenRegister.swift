import NIOConcurrencyHelpers
import NotifluxJWT
import NotifluxProtocol
import Synchronization

/// What is known about tokens under the present keys and revocations: the claims of those whose signature was good, and who waits for
/// those that are being checked. Any thread; its lock is held for a look-up or an insertion at a time, but for all
/// remembered tokens when keys or revocations are replaced.
final class TokenRegister: Sendable {
  private struct State {
    var verifier: TokenVerifier
    var cache = TokenCache()
    var rates = PublishRates()
    /// Every token under check, with those who wait for it.
    var applicants: [ByteKey: [TokenApplicant]] = [:]
    var isClosed = false
  }

  /// A token that somebody has to check.
  struct Check: Sendable {
    let token: ByteKey
    let unverified: UnverifiedToken
  }

  private let state: NIOLockedValueBox<State>
  /// Counts the verifiers. Changed under the lock.
  private let generation = Atomic(0)
  private let leeway: Double
  /// `nil`: any number of messages.
  private let publishing: RateLimit?
  private let now: @Sendable () -> Double
  private let uptime: @Sendable () -> Double

  init(
    verifier: TokenVerifier, leeway: Double, publishing: RateLimit?, now: @escaping @Sendable () -> Double,
    uptime: @escaping @Sendable () -> Double
  ) {
    state = NIOLockedValueBox(State(verifier: verifier))
    self.leeway = leeway
    self.publishing = publishing
    self.now = now
    self.uptime = uptime
  }

  /// How many tokens are remembered.
  var count: Int { state.withLockedValue { $0.cache.count } }

  /// Whether what `grant` says is still true. Without the lock.
  func confirms(_ grant: Grant) -> Bool {
    let now = now()
    return grant.given <= now && now < grant.until && grant.generation == generation.load(ordering: .acquiring)
  }

  /// The verdict on a token that is remembered, nil for any other. Leaves a grant for who asks for one topic, unless
  /// each use is charged for.
  func verdict(on request: TokenRequest, granting grant: inout Grant?) -> TokenVerdict? {
    // One topic is judged in place. Many take longer than others should wait for the lock.
    guard request.topics.count > 1 else {
      return state.withLockedValue { state in
        let verdict = state.cache.use(request.token) { claims, names, bucket in
          let now = now()
          let verdict = charge(request.judge(claims, names, now: now, leeway: leeway), request, bucket)
          if case .success = verdict, bucket == nil { grant = self.grant(request, claims, now: now) }
          return verdict
        }
        if Self.hasExpired(verdict) { state.cache.remove(request.token) }
        return verdict
      }
    }
    let known = state.withLockedValue { $0.cache.use(request.token) { ($0, $1, $2) } }
    guard let (claims, names, bucket) = known else { return nil }
    let verdict = request.judge(claims, names, now: now(), leeway: leeway)
    if Self.hasExpired(verdict) { state.withLockedValue { $0.cache.remove(request.token) } }
    guard publishing != nil, bucket != nil else { return verdict }
    return state.withLockedValue { _ in charge(verdict, request, bucket) }
  }

  /// Under the lock, so that the keys are those which the token was checked with. `nil` for who will not ask for the
  /// same again, and where keeping it would take up too much memory.
  private func grant(_ request: TokenRequest, _ claims: Claims, now: Double) -> Grant? {
    guard request.scope == .broadcast, request.topics.count == 1,
      request.token.utf8.count <= AuthLimits.grantedToken
    else { return nil }
    let until = min(claims.expires + leeway, now + AuthLimits.grantLifetime)
    return Grant(
      topic: request.topics[0], token: request.token, given: now, until: until,
      generation: generation.load(ordering: .relaxed))
  }

  /// A publish that is granted counts, one message for each topic, and may still be one too many. To be called under the
  /// lock.
  private func charge(
    _ verdict: TokenVerdict, _ request: TokenRequest, _ bucket: SharedBucket?
  ) -> TokenVerdict {
    guard let bucket, let publishing, request.scope == .broadcast, case .success = verdict else { return verdict }
    let now = uptime()
    let wait = bucket.bucket.wait(under: publishing, now: now)
    if wait > 0 {
      return .failure(Refusal(.rateLimited, "this token's subject publishes too fast", retryAfter: wait))
    }
    bucket.bucket.take(request.topics.count, under: publishing, now: now)
    return verdict
  }

  private static func hasExpired(_ verdict: TokenVerdict?) -> Bool {
    if case .failure(let refusal) = verdict { refusal.code == .tokenExpired } else { false }
  }

  /// The present one.
  var verifier: TokenVerifier { state.withLockedValue { $0.verifier } }

  /// Forgets the tokens that `verifier` would not find good, and ends every grant; what is being checked now is checked
  /// again. Tokens that stay good need no new check, for which their senders may have to wait: a few milliseconds for as
  /// many as are remembered at most.
  func replaceVerifier(_ verifier: TokenVerifier) {
    state.withLockedValue { state in
      state.verifier = verifier
      generation.add(1, ordering: .releasing)
      state.cache.keep { verifier.accepts($0) }
    }
  }

  /// Forgets some of the tokens that have expired, if any.
  func sweep() {
    let time = now() - leeway
    let uptime = uptime()
    state.withLockedValue { state in
      state.cache.sweep(expiredAt: time, limit: AuthLimits.sweptTokens)
      state.rates.sweep(now: uptime)
    }
  }

  // MARK: Checks

  enum Enrolment { case first(Check), joined, closed }

  /// Puts `applicant` down for the verdict on its token. Of those who want the same token checked the caller is the
  /// first if it has to see to the check.
  func enrol(_ applicant: TokenApplicant, _ unverified: UnverifiedToken) -> Enrolment {
    let key = ByteKey(applicant.request.token)
    return state.withLockedValue { state in
      if state.isClosed { return .closed }
      let isFirst = Self.append(applicant, to: &state.applicants[key, default: []])
      return isFirst ? .first(Check(token: key, unverified: unverified)) : .joined
    }
  }

  private static func append(_ applicant: TokenApplicant, to applicants: inout [TokenApplicant]) -> Bool {
    applicants.append(applicant)
    return applicants.count == 1
  }

  /// Checks a token and returns what is to be said to whom: one signature check per key tried. What is said rests on
  /// keys that were valid when the verdict was reached.
  func perform(_ check: Check) -> [TokenAnswers.Answer] {
    while true {
      let (verifier, generation) = state.withLockedValue { ($0.verifier, self.generation.load(ordering: .relaxed)) }
      let result = Result { () throws(Refusal) in try verifier.check(check.unverified) }
      let time = now()
      let answers = state.withLockedValue { state -> (bucket: SharedBucket?, applicants: [TokenApplicant])? in
        guard self.generation.load(ordering: .relaxed) == generation else { return nil }
        var bucket: SharedBucket?
        if case .success(let (claims, origin)) = result, time - leeway < claims.expires {
          if publishing != nil, claims.scope == .broadcast {
            bucket = state.rates.bucket(of: claims, token: check.token.text, now: uptime())
          }
          state.cache.insert(check.token.text, claims, origin, bucket: bucket)
        }
        return (bucket, state.applicants.removeValue(forKey: check.token) ?? [])
      }
      guard let (bucket, applicants) = answers else { continue }
      return applicants.map { applicant in
        let verdict = result.flatMap { good in
          applicant.request.judge(good.claims, good.origin.names, now: time, leeway: leeway)
        }
        guard bucket != nil else { return (applicant, verdict) }
        return (applicant, state.withLockedValue { _ in charge(verdict, applicant.request, bucket) })
      }
    }
  }

  /// Takes out everybody who waits; from now on nobody is enrolled.
  func close() -> [TokenApplicant] {
    state.withLockedValue { state in
      state.isClosed = true
      defer { state.applicants = [:] }
      return state.applicants.values.flatMap { $0 }
    }
  }
}
