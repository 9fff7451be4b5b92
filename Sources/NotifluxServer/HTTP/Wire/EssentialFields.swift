/// The header fields that matter to every request, taken in while it is read. Those that say where it ends are read
/// strictly, because a proxy in front of us that reads them otherwise would let one client's bytes pass for another's
/// (RFC 9112 §11.2).
struct EssentialFields: Sendable {
  private var length: Int?
  private var isChunked = false
  private(set) var hostCount: UInt8 = 0
  private var closes = false
  private var keepsAlive = false
  /// Where the values of these are, for the first field of each name.
  private(set) var contentType: RequestHead.Span?
  private(set) var authorization: RequestHead.Span?
  private(set) var expectation: RequestHead.Span?

  var framing: RequestHead.Framing { isChunked ? .chunked : .length(length ?? 0) }

  /// Takes one field of `head`; throws where it does not leave one reading.
  @inline(__always)
  mutating func take(_ name: Range<Int>, _ value: Range<Int>, of head: Bytes) throws(RequestError) {
    let text = head[part: name]
    switch text.count {
    case 4 where text.hasBytesIgnoringCase("host"): try takeHost(head[part: value])
    case 6 where text.hasBytesIgnoringCase("expect"): expectation = expectation ?? RequestHead.Span(value)
    case 10 where text.hasBytesIgnoringCase("connection"): takeConnection(head[part: value])
    case 12 where text.hasBytesIgnoringCase("content-type"): contentType = contentType ?? RequestHead.Span(value)
    case 13 where text.hasBytesIgnoringCase("authorization"):
      authorization = authorization ?? RequestHead.Span(value)
    case 14 where text.hasBytesIgnoringCase("content-length"): try takeLength(head[part: value])
    case 17 where text.hasBytesIgnoringCase("transfer-encoding"): try takeEncoding(head[part: value])
    default: break
    }
  }

  /// To be asked once all fields have been taken.
  func check(minorVersion: UInt8) throws(RequestError) {
    guard isChunked else { return }
    guard length == nil else { throw .malformed("both Content-Length and Transfer-Encoding are sent") }
    guard minorVersion == 1 else { throw .malformed("HTTP/1.0 has no Transfer-Encoding") }
  }

  /// Whether the client wants to send more requests (RFC 9112 §9.3).
  func isKeepAlive(minorVersion: UInt8) -> Bool { !closes && (minorVersion == 1 || keepsAlive) }

  private mutating func takeHost(_ value: Bytes) throws(RequestError) {
    guard hostCount == 0 else { throw .malformed("the Host field is sent more than once") }
    hostCount = 1
    var end = 0
    while end < value.count, Octet.isHost(value[end]) { end += 1 }
    guard end < value.count else { return }
    if end == 0, value[0] == UInt8(ascii: "[") { end = try Self.addressEnd(value) }
    guard end == value.count || value[end] == UInt8(ascii: ":") else { throw Self.badHost }
    for byte in value[min(end + 1, value.count)...] where byte < UInt8(ascii: "0") || byte > UInt8(ascii: "9") {
      throw Self.badHost
    }
  }

  /// Where the address in brackets ends that `value` begins with (RFC 3986 §3.2.2).
  private static func addressEnd(_ value: Bytes) throws(RequestError) -> Int {
    var end = 1
    while end < value.count, Octet.isHost(value[end]) || value[end] == UInt8(ascii: ":") { end += 1 }
    guard end > 1, end < value.count, value[end] == UInt8(ascii: "]") else { throw badHost }
    return end + 1
  }

  private static var badHost: RequestError { .malformed("the Host field is not a host and a port") }

  private mutating func takeConnection(_ value: Bytes) {
    var start = 0
    while start <= value.count {
      let end = value.firstOffset(of: UInt8(ascii: ","), from: start) ?? value.count
      let option = value[part: value.trimmed(start..<end)]
      if option.hasBytesIgnoringCase("close") { closes = true }
      if option.hasBytesIgnoringCase("keep-alive") { keepsAlive = true }
      start = end + 1
    }
  }

  /// Digits alone: no sign, no list, and no more of them than a number of bytes can have.
  private mutating func takeLength(_ value: Bytes) throws(RequestError) {
    guard length == nil else { throw .malformed("Content-Length is sent more than once") }
    guard (1...18).contains(value.count) else { throw .malformed("Content-Length is not a number of bytes") }
    var number = 0
    for byte in value {
      guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else {
        throw .malformed("Content-Length is not a number of bytes")
      }
      number = number &* 10 &+ Int(byte &- UInt8(ascii: "0"))
    }
    length = number
  }

  private mutating func takeEncoding(_ value: Bytes) throws(RequestError) {
    guard !isChunked else { throw .malformed("Transfer-Encoding is sent more than once") }
    guard value.hasBytesIgnoringCase("chunked") else {
      throw .malformed("the only Transfer-Encoding that is read is chunked")
    }
    isChunked = true
  }
}
