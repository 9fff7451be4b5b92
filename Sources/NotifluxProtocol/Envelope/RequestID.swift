/// What a client calls its request, so that it knows the answer to it: any JSON number or string, given back as it came.
package struct RequestID: Sendable, Equatable {
  package let value: JSONValue

  /// Throws ``ErrorCode/badRequest`` for any other kind of value.
  package init(_ value: JSONValue) throws(Refusal) {
    switch value {
    case .number, .string: self.value = value
    default: throw Refusal(.badRequest, #""id" must be a number or a string, not \#(value.kind)"#)
    }
  }

  package init(_ number: Int) { value = .number(JSONNumber(number)) }
}
