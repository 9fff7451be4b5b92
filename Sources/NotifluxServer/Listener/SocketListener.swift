import CLinux
import Glibc
import Logging
import NIOCore
import NotifluxProtocol

/// A plain listening socket on one of the reactors. Deals the connections it accepts to all of them in turn. Confined to
/// its reactor's loop.
final class SocketListener: EventSource {
  private static let backlog: Int32 = 4096
  /// Connections accepted in one turn, so that those that are open get theirs.
  private static let acceptsPerTurn = 128

  private let descriptor: Int32
  private let reactor: Reactor
  private let accepted: (Int32, ClientAddress) -> Void
  private var isOpen = true
  private let shortage: AcceptShortage

  /// Binds and listens, but accepts nothing before ``start()``. `accepted` takes over each new descriptor; it is told whose it is.
  init(
    address: SocketAddress, reactor: Reactor, logger: Logger, accepted: @escaping (Int32, ClientAddress) -> Void
  ) throws {
    self.reactor = reactor
    shortage = AcceptShortage(logger: logger)
    self.accepted = accepted
    descriptor = try Self.listen(on: address)
  }

  private static func listen(on address: SocketAddress) throws -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(Int32(address.protocol.rawValue), type, 0)
    guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
    do {
      try set(SOL_SOCKET, SO_REUSEADDR, on: descriptor)
      // Accepted sockets inherit it: messages must not wait for others to fill a segment.
      try set(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
      let bound = address.withSockAddr { bind(descriptor, $0, socklen_t($1)) }
      guard bound == 0 else { throw IOError(errnoCode: errno, reason: "bind") }
      guard Glibc.listen(descriptor, backlog) == 0 else { throw IOError(errnoCode: errno, reason: "listen") }
    } catch {
      Glibc.close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func set(_ level: Int32, _ option: Int32, on descriptor: Int32) throws {
    var value: Int32 = 1
    guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
      throw IOError(errnoCode: errno, reason: "setsockopt")
    }
  }

  /// Where it listens, with the port the system chose if it was left to it.
  func address() throws -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return try withUnsafeMutablePointer(to: &storage) { storage in
      try storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard getsockname(descriptor, address, &length) == 0 else {
          throw IOError(errnoCode: errno, reason: "getsockname")
        }
        return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { six in
          address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { four in
            address.pointee.sa_family == sa_family_t(AF_INET6)
              ? SocketAddress(six.pointee) : SocketAddress(four.pointee)
          }
        }
      }
    }
  }

  func start() throws { try reactor.watch(self, descriptor: descriptor, events: NOTIFLUX_EPOLLIN) }

  /// Accepts nothing more; connections live on.
  func close() {
    guard isOpen else { return }
    isOpen = false
    reactor.retire(self, descriptor: descriptor)
  }

  override func ready(_ events: UInt32) {
    for _ in 0..<Self.acceptsPerTurn where isOpen {
      var address = sockaddr_storage()
      let connection = notiflux_accept(descriptor, &address)
      if connection >= 0 {
        accepted(connection, ClientAddress(address))
        continue
      }
      switch -connection {
      case EAGAIN: return shortage.end()
      case let code where AcceptShortage.errors.contains(code): return rest(because: code)
      default: continue  // The client has gone already (accept(2)).
      }
    }
  }

  /// Connections stay in the kernel's queue until there may be room for them.
  private func rest(because code: Int32) {
    shortage.begin(code)
    reactor.watch(self, descriptor: descriptor, insteadFor: 0)
    reactor.afterNextTick {
      guard self.isOpen else { return }
      self.reactor.watch(self, descriptor: self.descriptor, insteadFor: NOTIFLUX_EPOLLIN)
      self.ready(NOTIFLUX_EPOLLIN)  // Whoever waited may have gone: then no event would come.
    }
  }
}

@available(*, unavailable)
extension SocketListener: Sendable {}
