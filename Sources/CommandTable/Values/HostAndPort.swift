/// A host and a port, as in `127.0.0.1:9090`, `localhost:9090` or `[::1]:9090`.
package struct HostAndPort: Hashable, Sendable, CustomStringConvertible {
  /// A name or an address; an IPv6 address stands here without its brackets.
  package let host: String
  /// From 0 to 65535.
  package let port: Int

  package init(host: String, port: Int) {
    self.host = host
    self.port = port
  }

  package var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}

extension ValueKind where Value == HostAndPort {
  /// A host and a port parted by the last colon; an IPv6 address needs its brackets.
  package static var hostAndPort: Self { hostAndPort("HOST:PORT") }
  package static func hostAndPort(_ placeholder: String) -> Self {
    Self(placeholder: placeholder, accepted: "HOST:PORT such as 127.0.0.1:9090 or [::1]:9090") {
      text throws(ValueProblem) in
      guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { throw ValueProblem("has no port") }
      let host = try readHost(text[..<colon])
      let digits = text[text.utf8.index(after: colon)...]
      guard !digits.isEmpty, digits.utf8.allSatisfy(isDigit) else { throw ValueProblem("has no port") }
      guard let port = Int(digits), port <= 65535 else { throw ValueProblem("has a port above 65535") }
      return HostAndPort(host: host, port: port)
    }
  }

  private static func readHost(_ text: Substring) throws(ValueProblem) -> String {
    if text.isEmpty { throw ValueProblem("has no host") }
    let isBracketed = text.utf8.first == UInt8(ascii: "[") && text.utf8.last == UInt8(ascii: "]")
    let host = isBracketed ? text.dropFirst().dropLast() : text
    if isBracketed {
      guard !host.isEmpty, host.utf8.allSatisfy(isAddressByte) else {
        throw ValueProblem("has no IPv6 address between its brackets")
      }
    } else if host.utf8.contains(UInt8(ascii: ":")) {
      throw ValueProblem("has an IPv6 address without brackets")
    } else if !host.utf8.allSatisfy(isNameByte) {
      throw ValueProblem("has a host that is neither a name nor an address")
    }
    return String(host)
  }

  /// Hexadecimal digits, colons and dots, and a zone (`%eth0`) as RFC 4007 §11 writes it.
  private static func isAddressByte(_ byte: UInt8) -> Bool {
    isNameByte(byte) || byte == UInt8(ascii: ":") || byte == UInt8(ascii: "%")
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: isDigit(byte)
    }
  }
}
