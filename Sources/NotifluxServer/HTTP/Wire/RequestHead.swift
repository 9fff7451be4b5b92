/// The head of a request: one copy of its bytes, every part of which has been checked, and where in them the parts are.
struct RequestHead: Sendable {
  /// How the end of the body is found (RFC 9112 §6.3).
  enum Framing: Sendable, Equatable {
    /// So many bytes; 0 where no body was announced.
    case length(Int)
    case chunked
  }

  /// A part of the bytes. A head is never longer than 64 KiB.
  struct Span: Sendable {
    fileprivate let start: UInt16
    fileprivate let end: UInt16

    init(_ range: Range<Int>) {
      start = UInt16(truncatingIfNeeded: range.lowerBound)
      end = UInt16(truncatingIfNeeded: range.upperBound)
    }
  }

  let method: RequestMethod
  /// 0 or 1, of HTTP/1.
  let minorVersion: UInt8
  let content: Content
  private let targetSpan: Span
  private let fieldsStart: UInt16
  private let fields: EssentialFields
  private let bytes: [UInt8]

  /// Copies `bytes`, the head from its request line to the empty line.
  init(_ bytes: Bytes, line: RequestLine, fields: EssentialFields) {
    method = line.method
    minorVersion = line.minorVersion
    targetSpan = line.target
    fieldsStart = line.target.end + UInt16(RequestLine.sizeAfterTarget)
    self.fields = fields
    content = Content(fields.contentType.map { bytes[part: Int($0.start)..<Int($0.end)] })
    self.bytes = [UInt8](bytes)
  }

  /// Bytes from the request line to the empty line.
  var size: Int { bytes.count }

  /// ``size`` if `input` begins with the same head.
  func size(in input: UnsafeRawBufferPointer) -> Int? {
    guard input.count >= size else { return nil }
    let isSame = bytes.withUnsafeBytes { UnsafeRawBufferPointer(rebasing: input[..<size]).hasSameBytes(as: $0) }
    return isSame ? size : nil
  }

  var framing: Framing { fields.framing }
  /// Whether the client wants to send more requests (RFC 9112 §9.3).
  var isKeepAlive: Bool { fields.isKeepAlive(minorVersion: minorVersion) }
  var hasHost: Bool { fields.hostCount == 1 }

  /// As it stands in the request line: visible ASCII characters.
  var target: ArraySlice<UInt8> { slice(targetSpan) }
  var contentType: ArraySlice<UInt8>? { fields.contentType.map(slice) }
  var authorization: ArraySlice<UInt8>? { fields.authorization.map(slice) }
  var expectation: ArraySlice<UInt8>? { fields.expectation.map(slice) }

  /// The values of all fields of this name, which is to be given in lower case, in their order.
  func all(_ name: StaticString) -> [ArraySlice<UInt8>] {
    bytes.withUnsafeBufferPointer { bytes in
      var values: [Range<Int>] = []
      var position = Int(fieldsStart)
      // Each line is known to hold a colon, and to end with CR LF; the last one is empty.
      while let colon = bytes.firstOffset(of: UInt8(ascii: ":"), from: position),
        let feed = bytes.firstOffset(of: Octet.lineFeed, from: colon)
      {
        if bytes[part: position..<colon].hasBytesIgnoringCase(name) {
          values.append(bytes.trimmed(colon + 1..<feed - 1))
        }
        position = feed + 1
      }
      return values
    }.map { bytes[$0] }
  }

  /// The value of the first field of this name, which is to be given in lower case.
  func first(_ name: StaticString) -> ArraySlice<UInt8>? { all(name).first }

  /// As ``first(_:)``, as a text.
  func text(_ name: StaticString) -> String? { first(name).map { String(decoding: $0, as: UTF8.self) } }

  /// The elements of all fields of this name as one comma-separated list (RFC 9110 §5.6.1), without the empty ones.
  func list(_ name: StaticString) -> [ArraySlice<UInt8>] {
    all(name).flatMap { $0.split(separator: UInt8(ascii: ",")).map(\.trimmed).filter { !$0.isEmpty } }
  }

  private func slice(_ span: Span) -> ArraySlice<UInt8> { bytes[Int(span.start)..<Int(span.end)] }
}

extension ArraySlice<UInt8> {
  /// Without the blanks and tabs at its ends.
  var trimmed: ArraySlice<UInt8> {
    let offsets = withUnsafeBufferPointer { $0.trimmed(0..<$0.count) }
    return self[startIndex + offsets.lowerBound..<startIndex + offsets.upperBound]
  }

  func hasBytes(_ text: StaticString) -> Bool { withUnsafeBufferPointer { $0.hasBytes(text) } }

  /// What that of ``Bytes`` promises.
  func hasBytesIgnoringCase(_ text: StaticString) -> Bool {
    withUnsafeBufferPointer { $0.hasBytesIgnoringCase(text) }
  }
}
