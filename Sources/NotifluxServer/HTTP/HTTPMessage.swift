import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// A complete request.
struct HTTPRequest {
  let head: HTTPRequestHead
  var body = ByteBuffer()

  init(head: HTTPRequestHead) { self.head = head }

  /// The target without its query (RFC 9112 §3.2). An absolute target, as a proxy's client sends it, loses scheme and
  /// authority.
  var path: Substring {
    var target = head.uri[...]
    if let scheme = target.range(of: "://"), !target.hasPrefix("/") {
      target = target[scheme.upperBound...]
      target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
    }
    return target.prefix { $0 != "?" && $0 != "#" }
  }

  /// What stands after the first `?` of the target.
  var query: Substring {
    guard let mark = head.uri.firstIndex(of: "?") else { return "" }
    return head.uri[head.uri.index(after: mark)...].prefix { $0 != "#" }
  }

  /// The credentials of `Authorization: Bearer` (RFC 6750 §2.1); the scheme's name is not case-sensitive.
  var bearerToken: String? {
    guard let field = head.headers.first(name: "authorization") else { return nil }
    let parts = field.split(separator: " ", maxSplits: 1)
    guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
    return String(parts[1].drop { $0 == " " })
  }

  var origin: String? { head.headers.first(name: "origin") }

  /// The media type of the body, without parameters, in lower case; `nil` when none is stated.
  var mediaType: String? {
    guard let field = head.headers.first(name: "content-type") else { return nil }
    let type = field.prefix { $0 != ";" }
    return type.split(separator: " ").joined().lowercased()
  }
}

extension Substring {
  /// The standard library has this for `String` only with Foundation.
  fileprivate func range(of separator: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(separator) { return start..<index(start, offsetBy: separator.count) }
      formIndex(after: &start)
    }
    return nil
  }
}

/// A complete answer.
struct HTTPResponse {
  var status: HTTPResponseStatus
  var headers: [(String, String)] = []
  var body: [UInt8] = []
  var closesConnection = false
  var contentType = "application/json"

  static func json(_ body: [UInt8], status: HTTPResponseStatus = .ok) -> HTTPResponse {
    HTTPResponse(status: status, body: body)
  }
}

extension HTTPResponse {
  /// All header fields of the answer to `request`.
  func fields(to request: HTTPRequestHead, closes: Bool, worker: Worker) -> HTTPHeaders {
    var fields = HTTPHeaders()
    fields.reserveCapacity(8)
    fields.add(name: "date", value: worker.date)
    if status != .noContent { fields.add(name: "content-type", value: contentType) }
    // What is streamed has no length that is known.
    if contentType == "application/json", status != .noContent {
      fields.add(name: "content-length", value: String(body.count))
    }
    for (name, value) in headers { fields.add(name: name, value: value) }
    let origin = request.headers.first(name: "origin")
    for (name, value) in worker.configuration.allowedOrigins.headers(for: origin) {
      fields.add(name: name, value: value)
    }
    if closes {
      fields.add(name: "connection", value: "close")
    } else if request.version.minor == 0 {
      fields.add(name: "connection", value: "keep-alive")
    }
    return fields
  }
}
