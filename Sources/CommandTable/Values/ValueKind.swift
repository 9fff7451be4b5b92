/// A kind of value: how its text is read, what is accepted, what stands for it in help and what a shell may complete.
///
/// `accepted` finishes the sentence "give …" in an error: `an integer from 0 to 65535`.
package struct ValueKind<Value: Sendable>: Sendable {
  /// What stands for the value in help, in capitals by custom: `PORT`.
  package let placeholder: String
  package let accepted: String
  package let completion: CompletionHint
  let read: @Sendable (String) throws(ValueProblem) -> Value

  /// A kind of your own. `parse` is pure and total: it is also run on defaults and on whatever the environment holds.
  package init(
    placeholder: String, accepted: String, completion: CompletionHint = .none,
    parse: @escaping @Sendable (String) throws(ValueProblem) -> Value
  ) {
    self.placeholder = placeholder
    self.accepted = accepted
    self.completion = completion
    self.read = parse
  }

  package func parse(_ text: String) throws(ValueProblem) -> Value { try read(text) }

  /// The same texts, read into something else; `accepted` is kept unless another is given.
  package func map<Other: Sendable>(
    accepted: String? = nil, _ transform: @escaping @Sendable (Value) throws(ValueProblem) -> Other
  ) -> ValueKind<Other> {
    let read = self.read
    return ValueKind<Other>(
      placeholder: placeholder, accepted: accepted ?? self.accepted, completion: completion
    ) { (text: String) throws(ValueProblem) -> Other in try transform(read(text)) }
  }
}

/// Why a text is not a value of its kind.
///
/// The reason follows the quoted value in an error (`is above 65535`) and never repeats the value, which may be secret.
package struct ValueProblem: Error, Equatable {
  package let reason: String
  package init(_ reason: String) { self.reason = reason }
}

/// What a shell offers in the place of a value.
package enum CompletionHint: Sendable, Equatable {
  case none
  case file
  case directory
  case choices([String])
}
