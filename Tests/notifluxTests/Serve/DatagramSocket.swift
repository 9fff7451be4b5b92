import Foundation
import Glibc

/// The end of a service manager: a datagram socket that a server is to talk to.
final class DatagramSocket {
  /// As `NOTIFY_SOCKET` names it.
  let name: String
  private let descriptor: Int32

  /// Bound to a path in the temporary folder, or to a name of the abstract namespace.
  init(isAbstract: Bool = false) throws {
    let unique = UUID().uuidString
    name = isAbstract ? "@notiflux-\(unique)" : NSTemporaryDirectory() + "notiflux-\(unique)"
    descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    var bytes = Array(name.utf8)
    if isAbstract { bytes[0] = 0 }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    // A name of the abstract namespace ends where the length says, without a zero.
    let length = socklen_t(MemoryLayout<sa_family_t>.size + bytes.count + (isAbstract ? 0 : 1))
    let result = withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(descriptor, $0, length) }
    }
    guard result == 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EINVAL) }
  }

  deinit {
    close(descriptor)
    if name.hasPrefix("/") { unlink(name) }
  }

  /// What was sent, where something was.
  func receive() -> String? {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = recv(descriptor, &bytes, bytes.count, Int32(MSG_DONTWAIT))
    return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
  }

  /// The next that is sent.
  func next() async -> String {
    while true {
      if let text = receive() { return text }
      await Task.yield()
    }
  }
}
