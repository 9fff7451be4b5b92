import NotifluxProtocol

/// What a person wants to know of a token: what it says, and every reason why a server would refuse it, where a verifier
/// stops at the first.
package struct TokenInspection: Sendable {
  /// What became of the signature.
  package enum Signature: Sendable, Equatable {
    /// It is by one of the given keys.
    case good
    /// `refusals` says why not.
    case refused
    /// No key was given.
    case notChecked
  }

  /// Nil where it cannot be read.
  package let header: JSONValue?
  /// Nil where they cannot be read. Not to be trusted unless the signature is good.
  package let claims: JSONValue?
  package let signature: Signature
  /// `exp`, `nbf` and `iat`, where they are finite numbers; seconds since 1970.
  package let expires: Double?
  package let notBefore: Double?
  package let issuedAt: Double?
  /// In the order in which a server would find them.
  package let refusals: [Refusal]

  /// What must be said beside the refusals, nil if nothing.
  package var note: String? {
    guard signature == .notChecked else { return nil }
    return "the signature was not checked: give the public key with --public-key or --jwks FILE"
  }

  /// Looks at `token` as a server with `keys` and `revocations` would at `now`, seconds since 1970. Without keys the
  /// signature is not checked.
  package init(
    of token: String, keys: KeySet = [], revocations: RevocationList = RevocationList(), now: Double,
    leeway: Double = 0
  ) {
    let token = CompactToken(Array(token.utf8))
    var refusals = token.problems
    let formIsGood = !refusals.contains { $0.code == .tokenSignature } && token.signature != nil
    if !formIsGood {
      signature = .refused
    } else if keys.isEmpty {
      signature = .notChecked
    } else {
      do {
        _ = try TokenVerifier(keys: keys).signer(of: token)
        signature = .good
      } catch {
        signature = .refused
        refusals.append(error)
      }
    }
    let reader = token.payload.map { ClaimsReader($0) }
    refusals += reader?.problems ?? []
    if let claims = reader?.claims, revocations.holds(claims) { refusals.append(RevocationList.refusal) }
    func date(_ name: String) -> Double? { reader?.object?[name]?.number?.double }
    expires = date("exp")
    notBefore = date("nbf")
    issuedAt = date("iat")
    refusals += ClaimsJudge.timeProblems(expires: expires, notBefore: notBefore, now: now, leeway: leeway)
    header = token.header.map { .object($0) }
    claims = reader?.object.map { .object($0) }
    self.refusals = refusals
  }
}
