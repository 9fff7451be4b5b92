import Glibc
import NotifluxServer

/// The listening sockets that whoever started the process handed over (sd_listen_fds(3)): descriptors from 3 on, their
/// number in `LISTEN_FDS`, their names in `LISTEN_FDNAMES`, for the process that `LISTEN_PID` names.
struct SocketActivation: Equatable {
  static let none = SocketActivation(clients: [], admin: nil)

  var clients: [ListenAddress]
  /// The one that is called `admin`.
  var admin: ListenAddress?

  /// Reads the variables, and takes them away: they are not meant for programs that this one starts.
  static func take() -> SocketActivation {
    func take(_ name: String) -> String? {
      defer { unsetenv(name) }
      return getenv(name).map { String(cString: $0) }
    }
    return SocketActivation(
      process: take("LISTEN_PID"), count: take("LISTEN_FDS"), names: take("LISTEN_FDNAMES"), ownProcess: getpid())
  }

  init(clients: [ListenAddress], admin: ListenAddress?) { (self.clients, self.admin) = (clients, admin) }

  /// Nothing was handed over where the variables are not for this process, or make no sense.
  init(process: String?, count: String?, names: String?, ownProcess: pid_t) {
    self = .none
    guard let process, Int32(process) == ownProcess, let count = count.flatMap({ Int($0) }), (1...1024).contains(count)
    else { return }
    let names = names?.split(separator: ":", omittingEmptySubsequences: false) ?? []
    for index in 0..<count {
      let address = ListenAddress.inherited(descriptor: Int32(3 + index))
      if names.indices.contains(index), names[index] == "admin" { admin = address } else { clients.append(address) }
    }
  }
}
