import NotifluxJWT
import NotifluxProtocol

/// What is said of a token in the end: it is good, and by these names it can be revoked later; or why it is refused.
typealias TokenVerdict = Result<TokenNames?, Refusal>

/// What the ``Authorizer`` says of a token and what is to be done with it.
enum Authorization {
  case granted(TokenNames?)
  case refused(Refusal)
  /// Not known yet: the signature must be checked first.
  case unverified(TokenVerification)
}

/// A signature check that is to be done, when the loop or a thread has time for it.
struct TokenVerification {
  let request: TokenRequest
  let token: UnverifiedToken
  let authorizer: Authorizer
  let payer: any CheckPayer

  /// On `loop`: begins the check, or joins the one of the same token that is under way. `done` runs on `loop`, once, in
  /// a later task; never when the loop ends before that. Callers do one at a time for a connection: this is what bounds
  /// the queue of the verifier threads.
  func run(on loop: any WorkerLoop, _ done: @escaping (TokenVerdict) -> Void) {
    authorizer.verify(
      token, for: TokenApplicant(request: request, loop: loop, payer: payer, checks: authorizer.failedChecks, done))
  }
}

/// What somebody wants to do with a token.
struct TokenRequest: Sendable {
  let token: String
  let scope: Scope
  let topics: [Topic]

  /// What good claims have to say to it now.
  func judge(_ claims: Claims, _ names: TokenNames?, now: Double, leeway: Double) -> TokenVerdict {
    Result { () throws(Refusal) in
      try claims.check(scope: scope, topics: topics, now: now, leeway: leeway)
      return names
    }
  }
}

/// Who waits for the check of a token, on whichever thread it is done.
struct TokenApplicant: Sendable {
  let request: TokenRequest
  let loop: any WorkerLoop
  private let done: LoopBound<Callback>

  private let checks: FailedChecks

  private final class Callback {
    var call: ((TokenVerdict) -> Void)?
    let payer: any CheckPayer
    /// It pays although it may have gone meanwhile.
    let client: ClientAddress

    init(_ payer: any CheckPayer, _ call: @escaping (TokenVerdict) -> Void) {
      self.call = call
      self.payer = payer
      client = payer.client
    }
  }

  /// On the loop. `payer` pays to `checks` if the check fails.
  init(
    request: TokenRequest, loop: any WorkerLoop, payer: any CheckPayer, checks: FailedChecks,
    _ done: @escaping (TokenVerdict) -> Void
  ) {
    self.request = request
    self.loop = loop
    self.checks = checks
    self.done = LoopBound(Callback(payer, done), loop: loop)
  }

  /// On the loop only. What the callback holds belongs to the loop, so it is let go here, not where the last copy of
  /// this value happens to go.
  func answer(_ result: TokenVerdict) {
    let callback = done.value
    let call = callback.call
    callback.call = nil
    if case .failure(let refusal) = result { checks.count(refusal, of: callback.payer, from: callback.client) }
    call?(result)
  }
}
