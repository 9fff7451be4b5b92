import NIOConcurrencyHelpers
import NIOSSL

/// The TLS identity new connections get; can be replaced while they come in.
final class TLSContextBox: Sendable {
  private let box: NIOLockedValueBox<TLSIdentity>

  init(_ identity: TLSIdentity) { box = NIOLockedValueBox(identity) }

  var context: NIOSSLContext { box.withLockedValue { $0.context } }
  /// When the leaf expires, in seconds since 1970.
  var certificateEnd: Int { box.withLockedValue { $0.certificateEnd } }

  func replace(with identity: TLSIdentity) { box.withLockedValue { $0 = identity } }
}
