import NotifluxJWT
import NotifluxProtocol

/// How much each subject has published of late. Pure; whoever owns it guards it, and the buckets it gives out.
struct PublishRates {
  /// The first half of a SHA-256: subjects may be long.
  private struct Subject: Hashable {
    let high: UInt64
    let low: UInt64
  }

  private var buckets = BucketTable<Subject>(capacity: AuthLimits.subjectBuckets)

  /// The bucket of all tokens with the same `sub`, or of this one token where it has none.
  mutating func bucket(of claims: Claims, token: String, now: Double) -> SharedBucket {
    // No JSON value begins like a compact JWS.
    let name = claims.subjectValue?.serialized() ?? Array(token.utf8)
    let digest = SHA256.digest(name)
    func number(_ range: Range<Int>) -> UInt64 { digest[range].reduce(0) { $0 << 8 | UInt64($1) } }
    return buckets.findOrAdd(Subject(high: number(0..<8), low: number(8..<16)), now: now)
  }

  /// Forgets some subjects that have not published for a while.
  mutating func sweep(now: Double) { buckets.sweep(now: now, limit: AuthLimits.sweptTokens) }
}
