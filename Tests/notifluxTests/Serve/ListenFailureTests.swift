import Glibc
import NIOCore
import Testing

@testable import NotifluxServer
@testable import notiflux

@Suite struct ListenFailureTests {
  private func text(_ address: ListenAddress, _ code: Int32) -> String {
    ServeRun.failureText(ListenFailure(address: address, cause: IOError(errnoCode: code, reason: "bind")))
  }

  @Test("a port for which the right is missing says how to get it without being root, and only such a port")
  func lowPort() {
    #expect(
      text(.network(host: "0.0.0.0", port: 444), EACCES)
        == "cannot listen on 0.0.0.0:444: Permission denied; a port below 1024 takes the capability CAP_NET_BIND_SERVICE "
        + "(systemd: AmbientCapabilities=), or a socket that systemd hands over (ListenStream=)")
    #expect(
      text(.network(host: "127.0.0.1", port: 8080), EACCES) == "cannot listen on 127.0.0.1:8080: Permission denied")
  }
}
