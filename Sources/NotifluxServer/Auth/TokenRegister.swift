import NIOConcurrencyHelpers
import NotifluxJWT
import NotifluxProtocol

/// What is known about tokens under the present keys: the claims of those whose signature was good, and who waits for
/// those that are being checked. Any thread; its lock is held for a look-up or an insertion at a time.
final class TokenRegister: Sendable {
  private struct State {
    var verifier: TokenVerifier
    /// Counts the sets of keys.
    var generation = 0
    var cache = TokenCache()
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
  private let leeway: Double
  private let now: @Sendable () -> Double

  init(keys: [PublicKey], leeway: Double, now: @escaping @Sendable () -> Double) {
    state = NIOLockedValueBox(State(verifier: TokenVerifier(keys: keys, leeway: leeway)))
    self.leeway = leeway
    self.now = now
  }

  /// How many tokens are remembered.
  var count: Int { state.withLockedValue { $0.cache.count } }

  /// The verdict on a token that is remembered, nil for any other.
  func verdict(on request: TokenRequest) -> Result<Void, Refusal>? {
    // One topic is judged in place. Many take longer than others should wait for the lock.
    guard request.topics.count > 1 else {
      return state.withLockedValue { state in
        let verdict = state.cache.use(request.token) { request.judge($0, now: now(), leeway: leeway) }
        if Self.hasExpired(verdict) { state.cache.remove(request.token) }
        return verdict
      }
    }
    guard let claims = state.withLockedValue({ $0.cache.use(request.token) { $0 } }) else { return nil }
    let verdict = request.judge(claims, now: now(), leeway: leeway)
    if Self.hasExpired(verdict) { state.withLockedValue { $0.cache.remove(request.token) } }
    return verdict
  }

  private static func hasExpired(_ verdict: Result<Void, Refusal>?) -> Bool {
    if case .failure(let refusal) = verdict { refusal.code == .tokenExpired } else { false }
  }

  /// Forgets every token; what is being checked now is checked again with the new keys.
  func replaceKeys(_ keys: [PublicKey]) {
    let verifier = TokenVerifier(keys: keys, leeway: leeway)
    let forgotten = state.withLockedValue { state in
      state.verifier = verifier
      state.generation += 1
      defer { state.cache = TokenCache() }
      return state.cache
    }
    // Thousands of tokens take a while to be let go, which nobody has to wait for with the lock.
    withExtendedLifetime(forgotten) {}
  }

  /// Forgets some of the tokens that have expired, if any.
  func sweep() {
    let time = now() - leeway
    state.withLockedValue { $0.cache.sweep(expiredAt: time, limit: AuthLimits.sweptTokens) }
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
      let (verifier, generation) = state.withLockedValue { ($0.verifier, $0.generation) }
      let result = Result { () throws(Refusal) in try verifier.claims(of: check.unverified) }
      let time = now()
      let applicants = state.withLockedValue { state -> [TokenApplicant]? in
        guard state.generation == generation else { return nil }
        if case .success(let claims) = result, time - leeway < claims.expires {
          state.cache.insert(check.token.text, claims)
        }
        return state.applicants.removeValue(forKey: check.token) ?? []
      }
      guard let applicants else { continue }
      return applicants.map { applicant in
        (applicant, result.flatMap { applicant.request.judge($0, now: time, leeway: leeway) })
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
