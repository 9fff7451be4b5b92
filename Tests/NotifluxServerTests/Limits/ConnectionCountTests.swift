import NIOCore
import Testing

@testable import NotifluxServer

@Suite("Addresses and connections")
struct ConnectionCountTests {
  private func address(_ text: String) throws -> ClientAddress {
    ClientAddress(try SocketAddress(ipAddress: text, port: 1))
  }

  @Test("an IPv4 address is a client, in an IPv6 one too, and so is the /64 of an IPv6 address")
  func addresses() throws {
    #expect(try address("192.0.2.1") == address("::ffff:192.0.2.1"))
    #expect(try address("192.0.2.1") != address("192.0.2.2"))
    #expect(try address("2001:db8:1:2::1").network == address("2001:db8:1:2:ffff:ffff:ffff:ffff").network)
    #expect(try address("2001:db8:1:2::1") != address("2001:db8:1:2:ffff:ffff:ffff:ffff"))
    #expect(try address("2001:db8:1:2::1").network != address("2001:db8:1:3::1").network)
    #expect(try address("::1") != address("0.0.0.0"))
    let all = try ["0.0.0.0", "127.0.0.1", "::1", "fe80::1", "255.255.255.255"].map(address) + [.unknown]
    #expect(Set(all.map(\.network)).count == all.count)
    #expect(ClientAddress(nil) == .unknown)
    #expect(ClientAddress(try SocketAddress(unixDomainSocketPath: "/x")) == .unknown)
  }

  @Test("whoever comes and goes, it lets in whom a plain table would, and forgets who has gone")
  func model() throws {
    var random = SeededGenerator(seed: 5)
    let count = ConnectionCount(limit: 20, limitPerAddress: 4)
    let clients = try (0..<8).map { try address("192.0.2.\($0)") }
    var model: [ClientAddress.Network: Int] = [:]
    var seen: Set<String> = []
    for _ in 0..<20000 {
      let client = clients.randomElement(using: &random) ?? .unknown
      let total = model.values.reduce(0, +)
      if Int.random(in: 0..<5, using: &random) < 3 {
        let wanted: ConnectionCount.Admission =
          total == 20 ? .serverFull : model[client.network] == 4 ? .addressFull : .welcome
        #expect(count.enter(client) == wanted)
        seen.insert("\(wanted)")
        if wanted == .welcome { model[client.network, default: 0] += 1 }
      } else if let held = model[client.network] {
        count.leave(client)
        model[client.network] = held > 1 ? held - 1 : nil
      }
      #expect(count.value == model.values.reduce(0, +))
      #expect(count.addressCount == model.count)
    }
    #expect(seen.count == 3)
  }

  @Test("addresses are not remembered where they are not limited")
  func unlimited() {
    let count = ConnectionCount(limit: 100)
    for _ in 0..<100 { #expect(count.enter(.unknown) == .welcome) }
    #expect(count.addressCount == 0)
    #expect(count.enter(.unknown) == .serverFull)
  }

  @Test("only some of those that are too many are told so at one time")
  func crowd() {
    let count = ConnectionCount(limit: 1)
    let told = (0..<100).filter { _ in count.enterCrowd() }.count
    #expect(told == 32)
    #expect(!count.enterCrowd())
    count.leaveCrowd()
    #expect(count.enterCrowd())
  }
}
