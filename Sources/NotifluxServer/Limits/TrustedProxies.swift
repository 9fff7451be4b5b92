/// The proxies that are believed when they say whom a request comes from.
public struct TrustedProxies: Sendable, Equatable {
  /// A range of addresses, or all Unix-domain sockets.
  public struct Range: Sendable, Equatable {
    fileprivate let base: ClientAddress
    /// Bits of the address, as an IPv6 one, that must be those of `base`.
    fileprivate let length: Int

    /// `10.0.0.0/8`, `2001:db8::/32`, a single address, or `unix`; `nil` for anything else, and where a bit is set
    /// behind the prefix, which would be a mistake (RFC 4632 §3.1).
    public init?(_ text: String) {
      guard text != "unix" else {
        (base, length) = (.unknown, 128)
        return
      }
      let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard let address = ClientAddress(text: parts[0]) else { return nil }
      let bits = address.isIPv4 ? 32 : 128
      var length = bits
      if parts.count == 2 {
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let given = Int(parts[1]), given <= bits else {
          return nil
        }
        length = given
      }
      (base, self.length) = (address, length + 128 - bits)
      guard base == Self.masked(base, self.length) else { return nil }
    }

    fileprivate func contains(_ address: ClientAddress) -> Bool { Self.masked(address, length) == base }

    private static func masked(_ address: ClientAddress, _ length: Int) -> ClientAddress {
      ClientAddress(
        upper: address.upper & mask(min(length, 64)), lower: address.lower & mask(max(0, length - 64)))
    }

    private static func mask(_ length: Int) -> UInt64 { length == 0 ? 0 : ~0 << UInt64(64 - length) }
  }

  /// The header field they set, and take away from whatever a client sends.
  public enum Field: String, Sendable, CaseIterable {
    case xForwardedFor = "x-forwarded-for"
    /// RFC 7239.
    case forwarded
  }

  /// Who is trusted: whose address is in one of them.
  public var ranges: [Range]
  /// Where they name the client.
  public var field: Field

  /// Nobody is trusted without a range.
  public init(ranges: [Range] = [], field: Field = .xForwardedFor) {
    self.ranges = ranges
    self.field = field
  }

  func contains(_ address: ClientAddress) -> Bool { ranges.contains { $0.contains(address) } }

  /// Whom a request of a trusted proxy comes from: the last address it names that is not a trusted proxy itself. What
  /// comes before that was said by somebody who is not trusted. `nil` where the proxy names nobody, or nothing that is
  /// an address.
  func client(of head: RequestHead) -> ClientAddress? {
    var client: ClientAddress?
    for name in names(in: head).reversed() {
      guard let address = ClientAddress(text: name) else { return client }
      client = address
      if !contains(address) { return client }
    }
    return client
  }

  private func names(in head: RequestHead) -> [String] {
    switch field {
    case .xForwardedFor: head.list("x-forwarded-for").map { Self.host(of: String(decoding: $0, as: UTF8.self)) }
    case .forwarded: head.list("forwarded").map { Self.host(of: Self.forParameter(of: $0)) }
    }
  }

  /// The value of `for` in an element such as `for="[2001:db8::1]:4711";proto=https` (RFC 7239 §4).
  private static func forParameter(of element: ArraySlice<UInt8>) -> String {
    for pair in element.split(separator: UInt8(ascii: ";")) {
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1)
      guard parts.count == 2, parts[0].trimmed.hasBytesIgnoringCase("for") else { continue }
      return String(decoding: parts[1].trimmed.filter { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
    }
    return ""
  }

  /// An address without its port and brackets (RFC 7239 §6); some proxies write ports into `X-Forwarded-For` too.
  private static func host(of node: String) -> String {
    if node.hasPrefix("["), let end = node.firstIndex(of: "]") {
      return String(node[node.index(after: node.startIndex)..<end])
    }
    let parts = node.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 ? String(parts[0]) : node
  }
}
