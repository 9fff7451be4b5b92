import NIOCore
import Testing

@testable import NotifluxServer

@Suite struct TrustedProxiesTests {
  private func address(_ text: String) throws -> ClientAddress { try #require(ClientAddress(text: text)) }

  private func proxies(_ ranges: String..., field: TrustedProxies.Field = .xForwardedFor) throws -> TrustedProxies {
    TrustedProxies(ranges: try ranges.map { try #require(TrustedProxies.Range($0)) }, field: field)
  }

  private func client(_ fields: String, _ proxies: TrustedProxies) throws -> String? {
    let head = try requestHead(
      "GET / HTTP/1.1\r\n\(fields.split(separator: "\n").map { "\($0)\r\n" }.joined())\r\n")
    return proxies.client(of: head).map { "\($0)" }
  }

  @Test(
    "a range holds the addresses with its prefix, and no others",
    arguments: [
      ("10.0.0.0/8", ["10.0.0.0", "10.255.255.255"], ["9.255.255.255", "11.0.0.0", "::a00:0", "::1"]),
      ("192.0.2.7", ["192.0.2.7"], ["192.0.2.6", "192.0.2.8"]),
      ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]),
      ("2001:db8::/33", ["2001:db8::", "2001:db8:7fff::1"], ["2001:db8:8000::", "2001:db7::"]),
      ("2001:db8::1/128", ["2001:db8::1"], ["2001:db8::", "2001:db8::2"]),
      ("2001:db8:1:2::/72", ["2001:db8:1:2:ff::1"].map { $0.replacing(":ff:", with: ":7:") }, ["2001:db8:1:2:100::"]),
      ("::/0", ["::1", "10.0.0.1", "ffff::"], []),
    ] as [(String, [String], [String])])
  func ranges(text: String, inside: [String], outside: [String]) throws {
    let proxies = try proxies(text)
    for other in inside { #expect(try proxies.contains(address(other)), "\(other)") }
    for other in outside { #expect(try !proxies.contains(address(other)), "\(other)") }
    #expect(text == "::/0" || !proxies.contains(.unknown))
  }

  @Test(
    "what is no range, or has bits behind its prefix, is none",
    arguments: [
      "", "10", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8", "::/129", "2001:db8::1/64",
      "x", "Unix", "10.0.0.0/+8", "localhost", "[::1]",
    ])
  func noRange(text: String) { #expect(TrustedProxies.Range(text) == nil) }

  @Test("unix stands for those that have no address, and for nobody else")
  func unix() throws {
    let proxies = try proxies("unix")
    #expect(proxies.contains(.unknown))
    #expect(try !proxies.contains(address("127.0.0.1")))
    #expect(try !proxies.contains(address("::")))
  }

  @Test("the client is the last one named that is no trusted proxy; what comes before may be a lie")
  func lastUntrusted() throws {
    let proxies = try proxies("10.0.0.0/8", "fd00::/8")
    for (fields, expected) in [
      ("X-Forwarded-For: 203.0.113.7", "203.0.113.7"),
      ("X-Forwarded-For: 198.51.100.1, 203.0.113.7, 10.1.1.1", "203.0.113.7"),
      ("X-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 203.0.113.7,10.0.0.1", "203.0.113.7"),
      ("X-Forwarded-For: 10.0.0.1, 10.0.0.2", "10.0.0.1"),
      ("X-Forwarded-For: nonsense, 10.0.0.2", "10.0.0.2"), ("X-Forwarded-For: nonsense", nil),
      ("X-Forwarded-For:", nil), ("Other: 203.0.113.7", nil),
      ("X-Forwarded-For: 203.0.113.7:4711", "203.0.113.7"), ("X-Forwarded-For: 2001:db8::7", "2001:db8::7"),
      ("X-Forwarded-For: [2001:db8::7]:4711", "2001:db8::7"), ("X-Forwarded-For: ::ffff:203.0.113.7", "203.0.113.7"),
      ("Forwarded: for=203.0.113.9\nX-Forwarded-For: 203.0.113.7", "203.0.113.7"),
    ] as [(String, String?)] { #expect(try client(fields, proxies) == expected, "\(fields)") }
  }

  @Test("the same by RFC 7239, where that is the field")
  func forwarded() throws {
    let proxies = try proxies("10.0.0.0/8", field: .forwarded)
    for (fields, expected) in [
      ("Forwarded: for=203.0.113.7", "203.0.113.7"),
      ("Forwarded: For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
      (
        "Forwarded: for=198.51.100.1;proto=http;by=10.0.0.9, proto=https; for=203.0.113.7 , for=10.1.0.1", "203.0.113.7"
      ),
      ("Forwarded: for=_hidden, for=10.0.0.1", "10.0.0.1"), ("Forwarded: for=unknown", nil),
      ("Forwarded: by=10.0.0.1", nil),
      ("X-Forwarded-For: 203.0.113.7", nil),
    ] as [(String, String?)] { #expect(try client(fields, proxies) == expected, "\(fields)") }
  }
}
