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
    let fields = origins == .unrestricted ? fields : fields + origins.fields(for: request?.text("origin"))
    // The names of the fields of our own, a length and the line ends take 88 bytes at the most.
    let texts = status.line.utf8CodeUnitCount + date.utf8.count + contentType.utf8.count
    let capacity = fields.reduce(96 + texts + body.size) {
      $0 + $1.name.utf8CodeUnitCount + $1.value.utf8.count + 4
    }
    var buffer = Self.allocator.buffer(capacity: capacity)
    buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: capacity) { bytes in
      var writer = OctetWriter(bytes)
      writer.put(status.line)
      writer.put("date", date)
      if status != .noContent {
        writer.put("content-type", contentType)
        if !body.isStream {
          writer.put("content-length: ")
          writer.put(decimal: UInt64(body.size))
          writer.put("\r\n")
        }
      }
      for field in fields { writer.put(field.name, field.value) }
      if closes {
        writer.put("connection: close\r\n")
      } else if request?.minorVersion == 0 {
        writer.put("connection: keep-alive\r\n")
      }
      writer.put("\r\n")
      if request?.method != .head { body.write(to: &writer) }
      return writer.count
    }
    return buffer
  }

  private static let allocator = ByteBufferAllocator()
}

extension HTTPResponse.Body {
  fileprivate var isStream: Bool { if case .stream = self { true } else { false } }

  fileprivate var size: Int {
    switch self {
    case .bytes(let bytes): bytes.count
    // Braces, quotes, the name, two colons.
    case .accepted(let cursor): 14 + cursor.epoch.utf8.count + OctetWriter.digits(of: cursor.sequence)
    case .stream: 0
    }
  }

  fileprivate func write(to writer: inout OctetWriter) {
    switch self {
    case .bytes(let body): body.withUnsafeBytes { writer.put($0) }
    case .accepted(let cursor):
      // As `BroadcastAnswer.json` has it: an epoch holds nothing that JSON would escape.
      writer.put(#"{"cursor":""#)
      writer.put(cursor.epoch)
      writer.put(":")
      writer.put(decimal: cursor.sequence)
      writer.put(#""}"#)
    case .stream: break
    }
  }
}
