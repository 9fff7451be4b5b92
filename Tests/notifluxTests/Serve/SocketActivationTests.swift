import NotifluxServer
import Testing

@testable import notiflux

@Suite struct SocketActivationTests {
  @Test("sockets that were handed over begin at descriptor 3; the one called admin is for operators")
  func sockets() {
    let activation = SocketActivation(process: "7", count: "3", names: "http:admin:http", ownProcess: 7)
    #expect(activation.clients == [.inherited(descriptor: 3), .inherited(descriptor: 5)])
    #expect(activation.admin == .inherited(descriptor: 4))
    let unnamed = SocketActivation(process: "7", count: "1", names: nil, ownProcess: 7)
    #expect(unnamed.clients == [.inherited(descriptor: 3)])
  }

  @Test("variables that are for another process, or make no sense, are not looked at")
  func foreign() {
    for (process, count) in [
      ("8", "1"), (nil, "1"), ("7", nil), ("7", "0"), ("7", "-1"), ("7", "x"), ("x", "1"), ("7", "99999"),
    ] {
      #expect(SocketActivation(process: process, count: count, names: nil, ownProcess: 7) == .none)
    }
  }
}
