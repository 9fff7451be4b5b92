import NotifluxProtocol

/// What a request's head means to us.
extension RequestHead {
  /// Whether the body is lines, each a publish of its own.
  var isBatch: Bool { method == .post && content == .lines }

  /// The target without its query (RFC 9112 §3.2). An absolute target, as a proxy's client sends it, loses scheme and
  /// authority.
  var path: ArraySlice<UInt8> {
    let path = target.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    guard path.first != UInt8(ascii: "/"), let colon = path.firstIndex(of: UInt8(ascii: ":")),
      path[colon...].starts(with: "://".utf8)
    else { return path }
    let rest = path[(colon + 3)...]
    return rest.firstIndex(of: UInt8(ascii: "/")).map { rest[$0...] } ?? [UInt8(ascii: "/")]
  }

  /// What stands after the first `?` of the target.
  var query: ArraySlice<UInt8> {
    let target = target
    guard let mark = target.firstIndex(of: UInt8(ascii: "?")) else { return [] }
    return target[(mark + 1)...].prefix { $0 != UInt8(ascii: "#") }
  }

  /// The credentials of `Authorization: Bearer` (RFC 6750 §2.1); the scheme's name is not case-sensitive.
  var bearer: ArraySlice<UInt8>? {
    guard let field = authorization, let blank = field.firstIndex(of: Octet.space),
      field[..<blank].hasBytesIgnoringCase("bearer")
    else { return nil }
    return field[blank...].drop { $0 == Octet.space }
  }

  /// ``bearer`` as a text.
  var bearerToken: String? { bearer.map { String(decoding: $0, as: UTF8.self) } }

  /// What the client calls the request, for the log (`X-Request-Id`): if it is short and plain. No token is so short.
  var requestID: String? {
    guard let id = all("x-request-id").first, (1...64).contains(id.count), id.allSatisfy(Self.isPlain) else {
      return nil
    }
    return String(decoding: id, as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: ":"):
      true
    default: false
    }
  }

  var origin: String? { text("origin") }
}
