import NIOConcurrencyHelpers
import NotifluxProtocol

/// Who has a token checked, and pays for it if that was in vain. Confined to its loop.
protocol CheckPayer: AnyObject {
  /// Whom it counts for.
  var client: ClientAddress { get }
  var failedChecks: RateBucket { get set }
}

/// Bounds the signature checks that nobody has any use of, of one connection and of one address: who has used them up is
/// refused without a check for a while. Remembered tokens are not concerned. Any thread.
final class FailedChecks: Sendable {
  private let perConnection: RateLimit?
  private let perAddress: RateLimit?
  private let addresses = NIOLockedValueBox(BucketTable<ClientAddress.Network>(capacity: AuthLimits.addressBuckets))
  /// Seconds of a clock that never goes back.
  private let uptime: @Sendable () -> Double

  init(perConnection: RateLimit?, perAddress: RateLimit?, uptime: @escaping @Sendable () -> Double) {
    self.perConnection = perConnection
    self.perAddress = perAddress
    self.uptime = uptime
  }

  /// Why `payer` gets no token checked now; nil if it does. On its loop.
  func refusal(for payer: any CheckPayer) -> Refusal? {
    let now = uptime()
    var wait = 0.0
    if let perConnection { wait = payer.failedChecks.wait(under: perConnection, now: now) }
    if let perAddress {
      let bucket = addresses.withLockedValue { $0.bucket(for: payer.client.network)?.bucket }
      wait = max(wait, bucket?.wait(under: perAddress, now: now) ?? 0)
    }
    return wait > 0 ? Refusal(.rateLimited, "too many bad tokens came from here", retryAfter: wait) : nil
  }

  /// Counts a check that ended with `refusal`, if it will have to be done again when the token comes back. On the
  /// payer's loop.
  func count(_ refusal: Refusal, of payer: any CheckPayer, from client: ClientAddress) {
    switch refusal.code {
    case .tokenSignature, .tokenMalformed, .tokenClaims, .tokenExpired: break
    default: return
    }
    let now = uptime()
    if let perConnection { payer.failedChecks.take(1, under: perConnection, now: now) }
    if let perAddress {
      addresses.withLockedValue { $0.findOrAdd(client.network, now: now).bucket.take(1, under: perAddress, now: now) }
    }
  }

  /// Forgets some addresses that have nothing to pay any more.
  func sweep() {
    guard perAddress != nil else { return }
    let now = uptime()
    addresses.withLockedValue { $0.sweep(now: now, limit: AuthLimits.sweptTokens) }
  }
}
