import Glibc
import NIOCore

/// The address of a client, as the kernel or a trusted proxy says it.
struct ClientAddress: Equatable, Sendable {
  /// The two halves of an IPv6 address, the first bit highest. An IPv4 address is the IPv6 one it is mapped to
  /// (RFC 4291 §2.5.5.2).
  let upper: UInt64
  let lower: UInt64

  /// For a transport that has no address, such as a Unix-domain socket: no host has this one (RFC 4291 §2.4).
  static let unknown = ClientAddress(upper: 0xFFFF << 48, lower: 0)

  init(upper: UInt64, lower: UInt64) { (self.upper, self.lower) = (upper, lower) }

  init(_ address: sockaddr_in6) { self.init(address.sin6_addr) }

  init(_ address: sockaddr_in) { self.init(address.sin_addr) }

  private init(_ address: in6_addr) {
    self = withUnsafeBytes(of: address) {
      ClientAddress(
        upper: UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
        lower: UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }
  }

  private init(_ address: in_addr) {
    self.init(upper: 0, lower: 0xFFFF << 32 | UInt64(UInt32(bigEndian: address.s_addr)))
  }

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

  /// An address in the usual notation of its family; `nil` for what is none.
  init?(text: String) {
    var (four, six) = (in_addr(), in6_addr())
    if inet_pton(AF_INET, text, &four) == 1 {
      self.init(four)
    } else if inet_pton(AF_INET6, text, &six) == 1 {
      self.init(six)
    } else {
      return nil
    }
  }

  var isIPv4: Bool { upper == 0 && lower >> 32 == 0xFFFF }

  // MARK: Who it is

  /// Whom a client counts for: an IPv4 address, or the /64 of an IPv6 address, of which one client has all (RFC 6177 §2).
  struct Network: Hashable, Sendable {
    /// The upper half of an IPv6 address. That of an IPv4 address is 0:ffff:a.b.c.d, which no host has (RFC 4291 §2.4).
    fileprivate let bits: UInt64
  }

  var network: Network { Network(bits: isIPv4 ? lower : upper) }
}

extension ClientAddress: CustomStringConvertible {
  /// In the notation of its family (RFC 5952), or `unix`.
  var description: String {
    if self == .unknown { return "unix" }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    if isIPv4 {
      var address = in_addr(s_addr: UInt32(truncatingIfNeeded: lower).bigEndian)
      inet_ntop(AF_INET, &address, &text, socklen_t(text.count))
    } else {
      var halves = (upper.bigEndian, lower.bigEndian)
      inet_ntop(AF_INET6, &halves, &text, socklen_t(text.count))
    }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
