import NotifluxProtocol

/// A token whose form and header are good. Nothing it says may be believed before `TokenVerifier` has seen its signature.
package struct UnverifiedToken: Sendable {
  let token: CompactToken

  /// Does of `TokenVerifier.claims(of:)` what comes before the signature and needs no key: a few microseconds.
  package init(_ bytes: [UInt8]) throws(Refusal) {
    token = CompactToken(bytes)
    if let problem = token.problems.first { throw problem }
  }
}
