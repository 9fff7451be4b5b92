/// The first line of a request, `METHOD TARGET HTTP/1.x` with one blank between each (RFC 9112 §3).
struct RequestLine {
  var method: RequestMethod
  /// Counted from the start of the line.
  var target: RequestHead.Span
  var minorVersion: UInt8

  /// `line` is without its line end. Throws what is wrong with it.
  init(_ line: Bytes) throws(RequestError) {
    var methodEnd = 0
    while methodEnd < line.count, Octet.isToken(line[methodEnd]) { methodEnd += 1 }
    guard methodEnd > 0 else { throw Self.noMethod }
    let start = methodEnd + 1
    var end = start
    while end < line.count, line[end] > 0x20, line[end] < 0x7F { end += 1 }
    guard end < line.count, end > start, line[methodEnd] == Octet.space else {
      throw .malformed("the request line is not METHOD TARGET HTTP/1.1")
    }
    guard line[end] == Octet.space else { throw .malformed("the target holds what must be percent-encoded") }
    let version = line[part: end + 1..<line.count]
    if version.hasBytes("HTTP/1.1") {
      minorVersion = 1
    } else if version.hasBytes("HTTP/1.0") {
      minorVersion = 0
    } else {
      throw .malformed("the request line does not end with HTTP/1.1")
    }
    method = RequestMethod(line[part: 0..<methodEnd])
    target = RequestHead.Span(start..<end)
  }

  /// Bytes from the end of the target to the start of the first header field.
  static let sizeAfterTarget = 11

  static let noMethod = RequestError.malformed("it does not begin with a method")
}
