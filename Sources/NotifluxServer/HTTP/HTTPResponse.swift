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
    var buffer = ByteBufferAllocator().buffer(capacity: 224 + body.size)
    buffer.writeStaticString(status.line)
    buffer.writeField("date", date)
    if status != .noContent {
      buffer.writeField("content-type", contentType)
      if !body.isStream {
        buffer.writeStaticString("content-length: ")
        buffer.writeDecimal(UInt64(body.size))
        buffer.writeStaticString("\r\n")
      }
    }
    for field in fields { buffer.writeField(field.name, field.value) }
    if origins != .unrestricted {
      for field in origins.fields(for: request?.text("origin")) { buffer.writeField(field.name, field.value) }
    }
    if closes {
      buffer.writeStaticString("connection: close\r\n")
    } else if request?.minorVersion == 0 {
      buffer.writeStaticString("connection: keep-alive\r\n")
    }
    buffer.writeStaticString("\r\n")
    if request?.method != .head { body.write(to: &buffer) }
    return buffer
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

  fileprivate func write(to buffer: inout ByteBuffer) {
    switch self {
    case .bytes(let bytes): buffer.writeBytes(bytes)
    case .accepted(let cursor):
      // As `BroadcastAnswer.json` has it: an epoch holds nothing that JSON would escape.
      buffer.writeStaticString(#"{"cursor":""#)
      buffer.writeString(cursor.epoch)
      buffer.writeStaticString(":")
      buffer.writeDecimal(cursor.sequence)
      buffer.writeStaticString(#""}"#)
    case .stream: break
    }
  }
}

extension ByteBuffer {
  mutating func writeField(_ name: StaticString, _ value: String) {
    writeStaticString(name)
    writeStaticString(": ")
    writeString(value)
    writeStaticString("\r\n")
  }

  fileprivate mutating func writeDecimal(_ number: UInt64) {
    let count = Decimal.digits(of: number)
    writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
      var rest = number
      for index in (0..<count).reversed() {
        bytes[index] = UInt8(ascii: "0") + UInt8(rest % 10)
        rest /= 10
      }
      return count
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
