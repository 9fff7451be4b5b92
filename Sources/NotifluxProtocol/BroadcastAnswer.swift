/// The body of an answer to `POST /broadcast`, and of every HTTP failure.
package enum BroadcastAnswer: Sendable, Equatable {
  case accepted(Cursor)
  case refused(Refusal)

  package var json: [UInt8] {
    switch self {
    case .accepted(let cursor):
      Self.accepted(cursor)
    case .refused(let refusal):
      JSONValue.object(["error": .string(refusal.message), "code": .string(refusal.code.rawValue)]).serialized()
    }
  }

  /// No byte of a cursor needs an escape.
  private static func accepted(_ cursor: Cursor) -> [UInt8] {
    let (start, end) = (StaticString(#"{"cursor":""#), StaticString(#""}"#))
    let ends = start.utf8CodeUnitCount + end.utf8CodeUnitCount
    return [UInt8](unsafeUninitializedCapacity: ends + cursor.textLength) { buffer, count in
      let bytes = UnsafeMutableRawBufferPointer(buffer)
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: start.utf8Start, count: start.utf8CodeUnitCount))
      let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[start.utf8CodeUnitCount...])
      let length = cursor.write(to: rest)
      UnsafeMutableRawBufferPointer(rebasing: rest[length...])
        .copyMemory(from: UnsafeRawBufferPointer(start: end.utf8Start, count: end.utf8CodeUnitCount))
      count = ends + length
    }
  }

  /// `nil` for what no notiflux server says, such as a proxy's error page.
  package init?(json bytes: UnsafeRawBufferPointer) {
    guard let value = try? JSONValue.parse(bytes), case .object(let object) = value else { return nil }
    if case .string(let text)? = object["cursor"], let cursor = try? Cursor(text) {
      self = .accepted(cursor)
    } else if case .string(let message)? = object["error"], case .string(let code)? = object["code"],
      let code = ErrorCode(rawValue: code)
    {
      self = .refused(Refusal(code, message))
    } else {
      return nil
    }
  }
}
