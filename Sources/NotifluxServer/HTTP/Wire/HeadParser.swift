import NotifluxProtocol

/// Reads the head of a request (RFC 9112 §2 to §5). Pure. Lines end with CR LF and nothing else; what other parsers
/// forgive is refused.
struct HeadParser {
  /// As much as a head may have, from its request line on; where in it the line begins that is looked at.
  private let bytes: Bytes
  private var lineStart = 0

  /// The head that `bytes` begin with, and how many of them it takes up; `nil` when it is not complete. Throws what is
  /// wrong with it, even if there is more to come.
  static func parse(_ bytes: Bytes) throws(RequestError) -> (head: RequestHead, size: Int)? {
    guard let start = try headStart(bytes) else { return nil }
    let limit = start + Limits.requestHead
    var parser = HeadParser(bytes: bytes[part: start..<min(bytes.count, limit)])
    guard let line = try parser.takeRequestLine(), let fields = try parser.takeFields() else {
      guard bytes.count <= limit else { throw parser.lineStart == 0 ? .lineTooLong : .headTooLarge }
      return nil
    }
    try fields.check(minorVersion: line.minorVersion)
    let head = RequestHead(parser.bytes[part: 0..<parser.lineStart], line: line, fields: fields)
    return (head, start + parser.lineStart)
  }

  /// Where the request line begins: after the empty line, if there is one, that may stand before it (RFC 9112 §2.2).
  private static func headStart(_ bytes: Bytes) throws(RequestError) -> Int? {
    guard let first = bytes.first else { return nil }
    guard first == Octet.carriageReturn else { return 0 }
    guard bytes.count > 1 else { return nil }
    guard bytes[1] == Octet.lineFeed else { throw RequestLine.noMethod }
    return 2
  }

  private init(bytes: Bytes) { self.bytes = bytes }

  private mutating func takeRequestLine() throws(RequestError) -> RequestLine? {
    guard let first = bytes.first else { return nil }
    guard Octet.isToken(first) else { throw RequestLine.noMethod }
    let end = bytes.endOfValue(from: 0)
    guard let next = try lineEnd(end) else { return nil }
    lineStart = next
    return try RequestLine(bytes[part: 0..<end])
  }

  /// Takes all fields, `name: value` each, and the empty line after them: blanks may stand around a value and nowhere
  /// else (RFC 9112 §5.1, §5.2).
  private mutating func takeFields() throws(RequestError) -> EssentialFields? {
    let bytes = bytes
    var fields = EssentialFields()
    var start = lineStart
    while true {
      let colon = bytes.endOfToken(from: start)
      guard colon < bytes.count else { return nil }
      guard colon > start, bytes[colon] == UInt8(ascii: ":") else {
        guard colon == start, bytes[colon] == Octet.carriageReturn else {
          throw .malformed("a header field has no name that is one")
        }
        guard let next = try lineEnd(colon) else { return nil }
        lineStart = next
        return fields
      }
      let end = bytes.endOfValue(from: colon &+ 1)
      guard let next = try lineEnd(end) else { return nil }
      try fields.take(start..<colon, bytes.trimmed(colon &+ 1..<end), of: bytes)
      start = next
    }
  }

  /// Where the line after the one that ends before `end` begins; `nil` if the line end is not there yet.
  @inline(__always)
  private func lineEnd(_ end: Int) throws(RequestError) -> Int? {
    guard end &+ 1 < bytes.count, bytes[end] == Octet.carriageReturn, bytes[end &+ 1] == Octet.lineFeed else {
      return try incompleteLine(end)
    }
    return end &+ 2
  }

  private func incompleteLine(_ end: Int) throws(RequestError) -> Int? {
    guard end < bytes.count else { return nil }
    guard bytes[end] == Octet.carriageReturn || bytes[end] == Octet.lineFeed else {
      throw .malformed("it holds a control character")
    }
    guard bytes[end] == Octet.carriageReturn, end + 1 == bytes.count else {
      throw .malformed("a line does not end with CR LF")
    }
    return nil
  }
}
