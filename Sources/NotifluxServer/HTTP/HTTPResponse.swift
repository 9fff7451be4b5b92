import NIOCore
import NotifluxProtocol

/// An answer, and the bytes it becomes.
struct HTTPResponse {
  typealias Field = (name: StaticString, value: String)

  enum Body {
    case bytes([UInt8])
    /// What `POST /broadcast` is answered with.
    case accepted(Cursor)
    /// Comes bit by bit, and how much of it is not known.
    case stream
  }

  var status: Status
  var fields: [Field] = []
  var body = Body.bytes([])
  var closesConnection = false
  var contentType = "application/json"

  static func json(_ body: StaticString) -> HTTPResponse {
    HTTPResponse(status: .ok, body: .bytes(body.withUTF8Buffer { Array($0) }))
  }

  static func accepted(_ cursor: Cursor) -> HTTPResponse { HTTPResponse(status: .ok, body: .accepted(cursor)) }
}

extension HTTPResponse {
  /// The answer to `request`, in one piece; without a body where that was `HEAD`, or comes later. `closes` is whether
  /// the connection ends with it, `date` the value of the `Date` field.
  func encoded(for request: RequestHead?, closes: Bool, date: String, origins: OriginPolicy) -> ByteBuffer {
    // Many small pieces: an array takes each for a fraction of what a ByteBuffer does.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(224 + body.size)
    bytes.append(status.line)
    bytes.append("date", date)
    if status != .noContent {
      bytes.append("content-type", contentType)
      if !body.isStream {
        bytes.append("content-length: ")
        bytes.append(decimal: UInt64(body.size))
        bytes.append("\r\n")
      }
    }
    for field in fields { bytes.append(field.name, field.value) }
    if origins != .unrestricted {
      for field in origins.fields(for: request?.text("origin")) { bytes.append(field.name, field.value) }
    }
    if closes {
      bytes.append("connection: close\r\n")
    } else if request?.minorVersion == 0 {
      bytes.append("connection: keep-alive\r\n")
    }
    bytes.append("\r\n")
    if request?.method != .head { body.append(to: &bytes) }
    return ByteBuffer(bytes: bytes)
  }
}

extension HTTPResponse.Body {
  fileprivate var isStream: Bool { if case .stream = self { true } else { false } }

  fileprivate var size: Int {
    switch self {
    case .bytes(let bytes): bytes.count
    // Braces, quotes, the name, two colons.
    case .accepted(let cursor): 14 + cursor.epoch.utf8.count + Decimal.digits(of: cursor.sequence)
    case .stream: 0
    }
  }

  fileprivate func append(to bytes: inout [UInt8]) {
    switch self {
    case .bytes(let body): bytes.append(contentsOf: body)
    case .accepted(let cursor):
      // As `BroadcastAnswer.json` has it: an epoch holds nothing that JSON would escape.
      bytes.append(#"{"cursor":""#)
      bytes.append(contentsOf: cursor.epoch.utf8)
      bytes.append(":")
      bytes.append(decimal: cursor.sequence)
      bytes.append(#""}"#)
    case .stream: break
    }
  }
}

extension [UInt8] {
  fileprivate mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append(contentsOf: $0) }
  }

  /// A whole field line.
  fileprivate mutating func append(_ name: StaticString, _ value: String) {
    append(name)
    append(": ")
    append(contentsOf: value.utf8)
    append("\r\n")
  }

  fileprivate mutating func append(decimal number: UInt64) {
    let end = count + Decimal.digits(of: number)
    var rest = number
    append(contentsOf: repeatElement(UInt8(ascii: "0"), count: end - count))
    var place = end
    while rest > 0 {
      place -= 1
      self[place] += UInt8(rest % 10)
      rest /= 10
    }
  }
}

/// Numbers as they are written out.
private enum Decimal {
  static func digits(of number: UInt64) -> Int {
    var (rest, count) = (number / 10, 1)
    while rest > 0 { (rest, count) = (rest / 10, count + 1) }
    return count
  }
}
