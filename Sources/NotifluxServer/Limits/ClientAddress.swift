import Glibc
import NIOCore

/// Whom a connection counts for: an IPv4 address, or the /64 of an IPv6 address, of which one client has all
/// (RFC 6177 §2).
struct ClientAddress: Hashable, Sendable {
  /// The upper half of an IPv6 address. That of an IPv4 address is 0:ffff:a.b.c.d, which no host has (RFC 4291 §2.4).
  private let network: UInt64

  /// For a transport that has no address.
  static let unknown = ClientAddress(network: 0xFFFF << 48)

  private init(network: UInt64) { self.network = network }

  /// An IPv4 address that came in an IPv6 one counts as itself (RFC 4291 §2.5.5.2).
  init(_ address: sockaddr_in6) {
    let (upper, lower) = withUnsafeBytes(of: address.sin6_addr) {
      (
        UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
        UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      )
    }
    let isMapped = upper == 0 && lower >> 32 == 0xFFFF
    network = isMapped ? lower : upper
  }

  init(_ address: sockaddr_in) { network = 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.sin_addr.s_addr)) }

  init(_ address: SocketAddress?) {
    switch address {
    case .v4(let four): self.init(four.address)
    case .v6(let six): self.init(six.address)
    case .unixDomainSocket, nil: self = .unknown
    }
  }

  /// What accept(2) said.
  init(_ storage: sockaddr_storage) {
    self = withUnsafePointer(to: storage) { storage in
      switch Int32(storage.pointee.ss_family) {
      case AF_INET: storage.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { ClientAddress($0.pointee) }
      case AF_INET6: storage.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { ClientAddress($0.pointee) }
      default: .unknown
      }
    }
  }
}
