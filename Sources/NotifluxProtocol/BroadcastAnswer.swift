/// The body of an answer to `POST /broadcast`, and of every HTTP failure.
package enum BroadcastAnswer: Sendable, Equatable {
  case accepted(Cursor)
  case refused(Refusal)

  package var json: [UInt8] {
    switch self {
    case .accepted(let cursor):
      JSONValue.object(["cursor": .string(cursor.description)]).serialized()
    case .refused(let refusal):
      JSONValue.object(["error": .string(refusal.message), "code": .string(refusal.code.rawValue)]).serialized()
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
