import Glibc
import NIOCore

/// A socket that listens, of any kind. It is closed by whoever watches it; here is what has to be done before and after.
struct ListeningSocket: Sendable {
  /// Connections the kernel keeps until they are accepted; it may have a lower limit (net.core.somaxconn).
  static let backlog: Int32 = 4096

  let descriptor: Int32
  /// The file of a Unix-domain socket of ours.
  private let file: File?

  private struct File: Sendable {
    let path: String
    let identity: Identity
  }

  /// Numbers of inodes are given again, but not at the same time.
  private struct Identity: Equatable, Sendable {
    let inode: ino_t
    let seconds: Int
    let nanoseconds: Int
  }

  /// Binds and listens. Throws what kept it from that.
  init(_ address: ListenAddress) throws {
    switch address {
    case .network(let host, let port):
      descriptor = try Self.open(try SocketAddress.makeAddressResolvingHost(host, port: port))
      file = nil
    case .unix(let path, let mode):
      descriptor = try Self.open(try SocketAddress(unixDomainSocketPath: path), path: path, mode: mode)
      file = Self.identity(of: path).map { File(path: path, identity: $0) }
    case .inherited(let inherited):
      try Self.adopt(inherited)
      descriptor = inherited
      file = nil
    }
  }

  /// To be called once the descriptor is closed: takes away the file of a Unix-domain socket, unless another server has
  /// put its own in the place.
  func removeFile() {
    if let file, Self.identity(of: file.path) == file.identity { unlink(file.path) }
  }

  /// Where it listens, with the port the system chose if it was left to it.
  func address() throws -> SocketAddress {
    var storage = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    return try withUnsafeMutablePointer(to: &storage) { storage in
      try storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        guard getsockname(descriptor, address, &length) == 0 else { throw Self.failure("getsockname") }
        switch Int32(address.pointee.sa_family) {
        case AF_INET6:
          return address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_INET:
          return address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { SocketAddress($0.pointee) }
        case AF_UNIX:
          return address.withMemoryRebound(to: sockaddr_un.self, capacity: 1) { SocketAddress($0.pointee) }
        default: throw IOError(errnoCode: EAFNOSUPPORT, reason: "getsockname")
        }
      }
    }
  }

  // MARK: Opening

  private static func open(_ address: SocketAddress, path: String? = nil, mode: UInt32 = 0) throws -> Int32 {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(Int32(address.protocol.rawValue), type, 0)
    guard descriptor >= 0 else { throw failure("socket") }
    do {
      if let path {
        try bind(descriptor, to: address, path: path, mode: mode)
      } else {
        try set(SOL_SOCKET, SO_REUSEADDR, on: descriptor)
        // Accepted sockets inherit it: messages must not wait for others to fill a segment.
        try set(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
        try bind(descriptor, to: address)
      }
      guard listen(descriptor, backlog) == 0 else { throw failure("listen") }
    } catch {
      close(descriptor)
      throw error
    }
    return descriptor
  }

  private static func bind(_ descriptor: Int32, to address: SocketAddress) throws {
    guard address.withSockAddr({ Glibc.bind(descriptor, $0, socklen_t($1)) }) == 0 else { throw failure("bind") }
  }

  private static func bind(_ descriptor: Int32, to address: SocketAddress, path: String, mode: UInt32) throws {
    // The file gets no more permissions than these, less the umask, not even for a moment (unix(7)).
    guard fchmod(descriptor, mode) == 0 else { throw failure("fchmod") }
    do { try bind(descriptor, to: address) } catch let error as IOError where error.errnoCode == EADDRINUSE {
      guard isAbandoned(address, path: path), unlink(path) == 0 else { throw error }
      try bind(descriptor, to: address)
    }
    guard chmod(path, mode) == 0 else { throw failure("chmod") }
  }

  /// Whether what is in the way is the socket of a server that is gone.
  private static func isAbandoned(_ address: SocketAddress, path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return false }
    let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard probe >= 0 else { return false }
    defer { close(probe) }
    return address.withSockAddr { connect(probe, $0, socklen_t($1)) } != 0 && errno == ECONNREFUSED
  }

  /// Sees to it that a descriptor that was handed over is what it should be, and behaves like one of ours.
  private static func adopt(_ descriptor: Int32) throws {
    var listens: Int32 = 0
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 else { throw failure("getsockopt") }
    guard listens != 0 else { throw IOError(errnoCode: EINVAL, reason: "the socket does not listen") }
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0,
      fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0
    else { throw failure("fcntl") }
    // Without effect on a Unix-domain socket, which has no such option.
    try? set(Int32(IPPROTO_TCP), TCP_NODELAY, on: descriptor)
  }

  private static func identity(of path: String) -> Identity? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    return Identity(inode: status.st_ino, seconds: status.st_ctim.tv_sec, nanoseconds: status.st_ctim.tv_nsec)
  }

  private static func set(_ level: Int32, _ option: Int32, on descriptor: Int32) throws {
    var value: Int32 = 1
    guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0 else {
      throw failure("setsockopt")
    }
  }

  private static func failure(_ call: String) -> IOError { IOError(errnoCode: errno, reason: call) }
}
