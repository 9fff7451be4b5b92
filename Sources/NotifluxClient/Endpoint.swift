import NIOCore

/// Where a notiflux server is: scheme, host, port and, behind a proxy, the path it is mounted under.
///
///     let endpoint = try Endpoint("https://push.example.com/notiflux")
public struct Endpoint: Sendable, Hashable {
  /// A DNS name in lower case, or an IP address without brackets.
  public let host: String
  /// 1 to 65535.
  public let port: Int
  /// Whether connections are encrypted and the server's certificate is checked.
  public let isTLS: Bool
  /// What stands before `/broadcast` and `/ws`: empty, or starting with `/` and not ending with it.
  public let basePath: String

  /// Reads `http://HOST[:PORT][/BASE]` or the same with `https`; `ws` and `wss` mean the same two. Throws an
  /// ``EndpointError`` that says how to mend the text.
  public init(_ url: String) throws(EndpointError) {
    let (scheme, rest) = try Self.splitScheme(of: url)
    isTLS = scheme == "https" || scheme == "wss"
    let slash = rest.utf8.firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
    let (host, port) = try Self.readAuthority(rest[..<slash])
    self.host = host
    self.port = port ?? Self.defaultPort(isTLS: isTLS)
    basePath = Self.withoutTrailingSlashes(rest[slash...])
    try checkBasePath()
  }

  /// The value of the `Host` field (RFC 9110 §7.2): the port is left out where it is the scheme's own.
  public var hostHeader: String {
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return port == Self.defaultPort(isTLS: isTLS) ? name : "\(name):\(port)"
  }

  /// The request target for one of the server's own paths, such as `/ws`.
  public func path(for route: String) -> String { basePath + route }

  /// The server's own paths that clients ask for.
  static let routes = ["/ws", "/broadcast", "/events"]

  private static func defaultPort(isTLS: Bool) -> Int { isTLS ? 443 : 80 }

  static func withoutTrailingSlashes(_ path: Substring) -> String {
    guard let last = path.utf8.lastIndex(where: { $0 != UInt8(ascii: "/") }) else { return "" }
    return String(path[...last])
  }

  private func checkBasePath() throws(EndpointError) {
    for route in Self.routes where basePath.hasSuffix(route) {
      let server = description.dropLast(route.utf8.count)
      throw EndpointError(
        "\(Self.quoted(description)) ends with \(route); name the server alone: \(Self.shown(server))")
    }
  }
}

extension Endpoint: CustomStringConvertible {
  /// The shortest URL that reads back as this endpoint, with the scheme `http` or `https`.
  public var description: String { "\(isTLS ? "https" : "http")://\(hostHeader)\(basePath)" }
}

/// A URL that names no server: one line that says what is wrong with it and what to write instead.
public struct EndpointError: Error, Sendable, Equatable, CustomStringConvertible {
  /// One line for a person. Never holds a password that stood in the URL.
  public let description: String

  init(_ description: String) { self.description = description }
}

extension Endpoint {
  private static func splitScheme(of url: String) throws(EndpointError) -> (scheme: String, rest: Substring) {
    guard !url.isEmpty else { throw EndpointError("the URL is empty; write http://HOST:PORT") }
    if url.utf8.contains(UInt8(ascii: "@")) {
      throw EndpointError("a URL with a user name is not accepted; leave out what stands before the @")
    }
    if ["unix:/", "http://unix:/"].contains(where: url.lowercased().hasPrefix) {
      throw EndpointError(
        "\(Self.quoted(url)) is a Unix-domain socket, and clients ask over TCP; give the URL of the proxy in front of it, "
          + "or have the server --listen 127.0.0.1:PORT beside it and give that")
    }
    guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }) else {
      throw EndpointError(
        "the URL holds a blank, a backslash or a character outside ASCII; write it as http://HOST:PORT "
          + "(names of other alphabets as xn--…)")
    }
    let bytes = Array(url.utf8)
    guard let colon = bytes.indices.first(where: { bytes[$0...].starts(with: "://".utf8) }) else {
      throw EndpointError("\(Self.quoted(url)) has no scheme; write \(Self.shown("http://\(url.drop { $0 == "/" })"))")
    }
    let scheme = String(url.utf8.prefix(colon))?.lowercased() ?? ""
    guard ["http", "https", "ws", "wss"].contains(scheme) else {
      throw EndpointError("\(Self.quoted(url)) has the scheme \(Self.quoted(scheme)); use http, https, ws or wss")
    }
    let rest = url.utf8.dropFirst(colon + 3)
    if let mark = rest.first(where: { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") }) {
      throw EndpointError("\(Self.quoted(url)) has a \(mark == UInt8(ascii: "?") ? "query" : "fragment"); leave it out")
    }
    return (scheme, Substring(rest))
  }

  private static func readAuthority(_ text: Substring) throws(EndpointError) -> (host: String, port: Int?) {
    if text.utf8.first == UInt8(ascii: "[") {
      guard let bracket = text.utf8.firstIndex(of: UInt8(ascii: "]")) else {
        throw EndpointError("\(Self.quoted(text)) lacks the closing bracket of its IPv6 address; write [::1]")
      }
      let address = text[text.index(after: text.startIndex)..<bracket].lowercased()
      guard (try? SocketAddress(ipAddress: address, port: 0))?.protocol == .inet6 else {
        throw EndpointError("\(Self.quoted(address)) is not an IPv6 address; write one such as [::1]")
      }
      return (address, try readPort(text[text.index(after: bracket)...]))
    }
    let colons = text.utf8.count { $0 == UInt8(ascii: ":") }
    guard colons <= 1 else {
      throw EndpointError("\(Self.quoted(text)) has several colons; write an IPv6 address in brackets: [::1]:8080")
    }
    let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
    let host = text[..<colon]
    guard !host.isEmpty else { throw EndpointError("the URL names no host; write http://HOST:PORT") }
    guard host.utf8.count <= 253, host.utf8.allSatisfy(isHostByte) else {
      throw EndpointError("\(Self.quoted(host)) is not a host name; it has letters, digits, dots and hyphens only")
    }
    return (host.lowercased(), try readPort(text[colon...]))
  }

  /// `text` is empty or starts with the colon.
  private static func readPort(_ text: Substring) throws(EndpointError) -> Int? {
    guard !text.isEmpty else { return nil }
    let digits = text.utf8.dropFirst()
    guard text.utf8.first == UInt8(ascii: ":"), digits.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = Int(Substring(digits)), (1...65535).contains(port)
    else { throw EndpointError("\(Self.quoted(text)) is not a port; write a colon and a number from 1 to 65535") }
    return port
  }

  /// As it stands in an error: what is long was not typed, and would bury the rest of the line.
  private static func shown(_ text: some StringProtocol) -> String {
    text.utf8.count <= 128 ? String(text) : text.prefix(64) + "…"
  }

  private static func quoted(_ text: some StringProtocol) -> String { "\"\(shown(text))\"" }

  private static func isHostByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
