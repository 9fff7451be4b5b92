import NIOConcurrencyHelpers
import NotifluxJWT
import NotifluxProtocol

/// Decides by its token whether a client may do what it asks. Shared by all workers; the keys can be replaced at any
/// time, and each decision is made with one set of them.
final class Authorizer: Sendable {
  private let verifier: NIOLockedValueBox<TokenVerifier>
  private let leeway: Double
  /// Seconds since 1970.
  private let now: @Sendable () -> Double

  init(keys: [PublicKey], leeway: Double, now: @escaping @Sendable () -> Double) {
    verifier = NIOLockedValueBox(TokenVerifier(keys: keys, leeway: leeway))
    self.leeway = leeway
    self.now = now
  }

  func replaceKeys(_ keys: [PublicKey]) {
    let replacement = TokenVerifier(keys: keys, leeway: leeway)
    verifier.withLockedValue { $0 = replacement }
  }

  /// Returns when `token` opens every one of `topics` for `scope`; throws the reason otherwise. Costs an ES256
  /// verification, some 70 µs.
  func authorize(_ token: String?, scope: Scope, topics: [Topic]) throws(Refusal) {
    guard let token, !token.isEmpty else {
      throw Refusal(.tokenMissing, "a token is missing; make one with notiflux token \(scope.rawValue)")
    }
    let verifier = verifier.withLockedValue { $0 }
    _ = try verifier.authorize(token, scope: scope, topics: topics.map(\.text), now: now())
  }
}
