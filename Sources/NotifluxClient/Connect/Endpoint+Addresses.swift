import Glibc
import NIOCore
import NIOPosix

extension Endpoint {
  /// Every address the host has, as the system's resolver orders them; itself, where it is an address. Takes as long as the
  /// resolver does.
  package func addresses() async throws(ClientError) -> [SocketAddress] {
    do { return try await NIOThreadPool.singleton.runIfActive { try resolve() } } catch {
      throw ClientError(error, at: self)
    }
  }

  private func resolve() throws(ClientError) -> [SocketAddress] {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(host, String(port), &hints, &list)
    guard code == 0, let first = list else {
      let reason = "the host name \"\(host)\" is not known (\(String(cString: gai_strerror(code)))); check its spelling"
      throw .unreachable(self, reason: reason)
    }
    defer { freeaddrinfo(first) }
    var addresses: [SocketAddress] = []
    for info in sequence(first: first, next: { $0.pointee.ai_next }) {
      guard let raw = info.pointee.ai_addr else { continue }
      let address: SocketAddress? =
        switch info.pointee.ai_family {
        case AF_INET: raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET6: raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        default: nil
        }
      if let address, !addresses.contains(address) { addresses.append(address) }
    }
    return addresses
  }
}

extension Connector {
  /// Whether there is a connection to be had, encrypted or not; how long it took.
  package func tryOut() async throws(ClientError) -> Duration {
    let start = ContinuousClock.now
    let opened = open().map { channel in
      channel.close(promise: nil)
      return ContinuousClock.now - start
    }
    do { return try await opened.get() } catch { throw ClientError(error, at: endpoint) }
  }
}
