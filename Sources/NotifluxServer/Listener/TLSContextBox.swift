import NIOConcurrencyHelpers
import NIOSSL

/// The TLS identity new connections get; can be replaced while they come in.
final class TLSContextBox: Sendable {
  private let box: NIOLockedValueBox<NIOSSLContext>

  init(_ identity: TLSIdentity) { box = NIOLockedValueBox(identity.context) }

  var context: NIOSSLContext { box.withLockedValue { $0 } }

  func replace(with identity: TLSIdentity) { box.withLockedValue { $0 = identity.context } }
}
