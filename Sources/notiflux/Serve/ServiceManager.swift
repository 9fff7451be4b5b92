import Glibc
import Logging

/// The service manager that started the process and wants to hear how it is: systemd, or whoever else sets `NOTIFY_SOCKET`
/// (sd_notify(3)). Each report is one datagram of lines `NAME=VALUE`.
///
/// A manager that cannot be reached is worth a warning; the server goes on.
struct ServiceManager: Sendable {
  /// How often it wants to hear that the server is alive; `nil` for a manager that does not ask.
  let watchdogInterval: Duration?
  private let socketName: String
  private let logger: Logger
  /// A manager that does not read for so many seconds counts as one that cannot be reached.
  private static let patience = 1
  private static let variables = (socket: "NOTIFY_SOCKET", interval: "WATCHDOG_USEC", process: "WATCHDOG_PID")

  /// The manager that the variables name, which are taken out of the environment: they are meant for this process alone.
  /// To be called before there are threads.
  static func takeFromEnvironment(logger: Logger) -> ServiceManager? {
    let names = Self.variables
    defer { for name in [names.socket, names.interval, names.process] { unsetenv(name) } }
    func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
    return ServiceManager(
      socketName: value(names.socket), watchdogMicroseconds: value(names.interval),
      watchdogProcess: value(names.process), logger: logger)
  }

  /// `nil` without a socket. The watchdog is another's where `watchdogProcess` is not this process (sd_watchdog_enabled(3)).
  init?(socketName: String?, watchdogMicroseconds: String?, watchdogProcess: String?, logger: Logger) {
    guard let socketName, !socketName.isEmpty else { return nil }
    self.socketName = socketName
    self.logger = logger
    let isOurs = watchdogProcess.map { Int32($0) == getpid() } ?? true
    let microseconds = watchdogMicroseconds.flatMap { Int64($0) } ?? 0
    watchdogInterval = isOurs && microseconds > 0 ? .microseconds(microseconds) : nil
  }

  /// Returns whether the manager has it. What kept it from having it is logged.
  @discardableResult
  func tell(_ news: ServiceNews) -> Bool {
    let code = Self.send(Array(news.text.utf8), to: socketName)
    guard code != 0 else { return true }
    logger.warning(
      "the service manager cannot be told",
      metadata: ["news": "\(news.name)", "socket": "\(socketName)", "reason": "\(String(cString: strerror(code)))"])
    return false
  }

  /// Says twice in each interval that the server is alive, and each time only after `turn` has returned: where it hangs,
  /// the manager hears nothing and restarts the service. Returns when its task is cancelled, at once without an interval.
  func keepWatchdogQuiet(
    pause: (Duration) async throws -> Void = { try await Task.sleep(for: $0) }, after turn: () async -> Void
  ) async {
    guard let watchdogInterval else { return }
    repeat {
      await turn()
      tell(.alive)
    } while (try? await pause(watchdogInterval / 2)) != nil
  }

  /// The code of what failed, or 0.
  private static func send(_ bytes: [UInt8], to name: String) -> Int32 {
    guard let (address, length) = address(of: name) else { return EAFNOSUPPORT }
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: patience, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    return withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        while sendto(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL), address, length) < 0 {
          if errno != EINTR { return errno }
        }
        return 0
      }
    }
  }

  /// A path, or a name of the abstract namespace behind an `@` (unix(7)); `nil` for anything else, and what is too long.
  private static func address(of name: String) -> (sockaddr_un, socklen_t)? {
    var bytes = Array(name.utf8)
    var address = sockaddr_un()
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    let isAbstract = bytes.first == UInt8(ascii: "@")
    guard isAbstract || bytes.first == UInt8(ascii: "/"), bytes.count < capacity else { return nil }
    if isAbstract { bytes[0] = 0 }
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let head = MemoryLayout<sockaddr_un>.size - capacity
    return (address, socklen_t(head + bytes.count + (isAbstract ? 0 : 1)))
  }
}
