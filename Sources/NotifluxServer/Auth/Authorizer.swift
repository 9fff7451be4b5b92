import NotifluxJWT
import NotifluxProtocol

/// How often what takes a token may happen; `nil` for any number of times.
struct AuthRates: Sendable {
  var publishing: RateLimit?
  var badTokens: RateLimit?
  var badTokensPerAddress: RateLimit?
}

/// Decides by its token whether a client may do what it asks. Shared by all workers.
///
/// Signatures are checked by the loops, a few a turn, and on threads of its own, once a token: the claims of good tokens
/// are remembered, and what may change (time, scope, topics) is judged at every use. Keys and revocations can be
/// replaced at any time, which forgets the tokens that are no longer good.
final class Authorizer: Sendable {
  private let register: TokenRegister
  private let threads: BackgroundThreads<TokenRegister.Check>
  private let leeway: Double
  let failedChecks: FailedChecks

  /// `leeway` is how many seconds `exp` and `nbf` may be missed by; `now` is seconds since 1970, `uptime` those of a
  /// clock that never goes back. Without threads, tokens are checked on the thread that asks.
  init(
    keys: KeySet, revocations: RevocationList = RevocationList(), leeway: Double, threads: Int,
    rates: AuthRates = AuthRates(),
    now: @escaping @Sendable () -> Double, uptime: @escaping @Sendable () -> Double = SystemClock.uptime
  ) {
    let register = TokenRegister(
      verifier: TokenVerifier(keys: keys, revocations: revocations, leeway: leeway), leeway: leeway,
      publishing: rates.publishing, now: now, uptime: uptime)
    self.leeway = leeway
    self.register = register
    failedChecks = FailedChecks(
      perConnection: rates.badTokens, perAddress: rates.badTokensPerAddress, uptime: uptime)
    self.threads = BackgroundThreads(count: threads, name: "token-verifier", niceness: AuthLimits.niceness) { queue in
      Self.work(queue, register)
    }
  }

  deinit { stop() }

  /// Whether `token` opens every one of `topics` for `scope`, as far as that can be said at once: in less than a
  /// microsecond for a token that is remembered, in a few for one that is not well-formed. A publish that is granted
  /// counts. `payer` pays for a check that fails. `grant` is set where asking again can be spared: ``confirms(_:)``.
  func authorize(
    _ token: String?, scope: Scope, topics: [Topic], by payer: any CheckPayer, granting grant: inout Grant?
  ) -> Authorization {
    guard let token, !token.isEmpty else {
      return .refused(
        Refusal(.tokenMissing, "a token is missing; make one with notiflux token \(scope.rawValue)"))
    }
    let request = TokenRequest(token: token, scope: scope, topics: topics)
    switch register.verdict(on: request, granting: &grant) {
    case .success(let names)?: return .granted(names)
    case .failure(let refusal)?: return .refused(refusal)
    case nil: break
    }
    if let refusal = failedChecks.refusal(for: payer) { return .refused(refusal) }
    do {
      let unverified = try UnverifiedToken(Array(token.utf8))
      return .unverified(TokenVerification(request: request, token: unverified, authorizer: self, payer: payer))
    } catch {
      return .refused(error)
    }
  }

  /// Whether what `grant` says is still true.
  func confirms(_ grant: Grant) -> Bool { register.confirms(grant) }

  /// As above, for who does not ask often.
  func authorize(_ token: String?, scope: Scope, topics: [Topic], by payer: any CheckPayer) -> Authorization {
    var grant: Grant?
    return authorize(token, scope: scope, topics: topics, by: payer, granting: &grant)
  }

  /// From now on tokens must be signed with one of `keys` and not be among `revocations`; nothing is granted any more for
  /// the sake of another one.
  func replaceKeys(_ keys: KeySet, revocations: RevocationList) {
    register.replaceVerifier(TokenVerifier(keys: keys, revocations: revocations, leeway: leeway))
  }

  /// Whether a token that was granted has been revoked since.
  func hasRevoked(_ names: TokenNames) -> Bool { register.verifier.hasRevoked(names) }

  /// Forgets some tokens that have expired. To be called now and then, such as once a second: a token that is never used
  /// again would stay as long as there is room. A few microseconds.
  func sweep() {
    register.sweep()
    failedChecks.sweep()
  }

  /// How many tokens are remembered.
  var cachedTokens: Int { register.count }

  /// Returns when the threads have ended. Who waits for a check is refused, and so is who asks for one from now on; any
  /// number of times.
  func stop() {
    var answers = TokenAnswers()
    for applicant in register.close() { answers.add((applicant, .failure(Self.stopped))) }
    answers.send()
    threads.stop()
  }

  /// Sees to it that `applicant` gets its verdict. Called on its loop, which does the check itself when it has not many
  /// to do: that costs less than waking a thread and being woken.
  func verify(_ token: UnverifiedToken, for applicant: TokenApplicant) {
    switch register.enrol(applicant, token) {
    case .first(let check):
      if threads.isEmpty {
        perform(check)
      } else if !applicant.loop.spread({ self.perform(check) }) {
        threads.submit(check)
      }
    case .joined: break
    case .closed: applicant.loop.execute { applicant.answer(.failure(Self.stopped)) }
    }
  }

  private func perform(_ check: TokenRegister.Check) {
    for (applicant, result) in register.perform(check) {
      applicant.loop.execute { applicant.answer(result) }
    }
  }

  private static let stopped = Refusal(.draining, "the server is shutting down; try again in a second")

  /// What a verifier thread does, until the queue is closed.
  private static func work(_ queue: JobQueue<TokenRegister.Check>, _ register: TokenRegister) {
    var answers = TokenAnswers()
    while true {
      if let check = queue.next(waiting: answers.isEmpty) {
        for answer in register.perform(check) { answers.add(answer) }
        if answers.count >= AuthLimits.answersTogether { answers.send() }
      } else if answers.isEmpty {
        return
      } else {
        answers.send()
      }
    }
  }
}
