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

/// Writes many small pieces behind each other into memory that somebody else owns. Stops the program rather than write
/// behind its end.
private struct OctetWriter {
  private let memory: UnsafeMutableRawBufferPointer
  private(set) var count = 0

  init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

  mutating func put(_ bytes: UnsafeRawBufferPointer) {
    UnsafeMutableRawBufferPointer(rebasing: memory[count..<count + bytes.count]).copyMemory(from: bytes)
    count += bytes.count
  }

  mutating func put(_ text: StaticString) {
    put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  mutating func put(_ text: String) {
    if text.utf8.withContiguousStorageIfAvailable({ put(UnsafeRawBufferPointer($0)) }) == nil {
      put(String(decoding: text.utf8, as: UTF8.self))  // Copied into contiguous storage.
    }
  }

  /// A whole field line.
  mutating func put(_ name: StaticString, _ value: String) {
    put(name)
    put(": ")
    put(value)
    put("\r\n")
  }

  mutating func put(decimal number: UInt64) {
    let end = count + Self.digits(of: number)
    var rest = number
    for place in (count..<end).reversed() {
      memory[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    count = end
  }

  static func digits(of number: UInt64) -> Int {
    var (rest, count) = (number / 10, 1)
    while rest > 0 { (rest, count) = (rest / 10, count + 1) }
    return count
  }
}
