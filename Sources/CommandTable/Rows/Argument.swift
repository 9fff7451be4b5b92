/// The row of a positional argument: its name, how many may stand there, and what help says of it.
///
/// The initialiser chosen settles the type that `settings[argument]` has:
///
///     Argument("TOPIC", .text, help: …)               Argument<String>
///     Argument(optional: "MESSAGE", .text, help: …)   Argument<String?>
///     Argument(oneOrMore: "TOPIC", .text, help: …)    Argument<[String]>
///     Argument(zeroOrMore: "TOPIC", .text, help: …)   Argument<[String]>
package struct Argument<Value: Sendable>: ArgumentRow {
  package let facts: ArgumentFacts
  let meaning: @Sendable (ArgumentFacts, [String]) throws(UsageError) -> Value

  package func resolve(_ words: [String]) throws(UsageError) -> any SettingSlot {
    let value = try meaning(facts, words)
    return Setting(value: value, origin: words.isEmpty ? .default : .argument(facts.name))
  }
}

/// A row whatever the type of its value: what a table holds.
package protocol ArgumentRow: Sendable {
  var facts: ArgumentFacts { get }
  /// Reads the words that fell to this argument; their number fits its arity.
  func resolve(_ words: [String]) throws(UsageError) -> any SettingSlot
}

/// What a row says of its argument apart from the type of the value.
package struct ArgumentFacts: Sendable {
  package enum Arity: Sendable { case required, optional, oneOrMore, zeroOrMore }

  /// In capitals by custom: `TOPIC`.
  package let name: String
  package let arity: Arity
  package let accepted: String
  package let completion: CompletionHint
  /// One line, without a final period.
  package let help: String
  package let details: [String]
  /// A secret value is never repeated in an error.
  package let isSecret: Bool

  var isRequired: Bool { arity == .required || arity == .oneOrMore }
  var isRepeated: Bool { arity == .oneOrMore || arity == .zeroOrMore }

  func read<Value>(_ text: String, as kind: ValueKind<Value>) throws(UsageError) -> Value {
    do {
      return try kind.parse(text)
    } catch {
      throw rejection(of: text, because: error.reason)
    }
  }

  func rejection(of text: String, because reason: String) -> UsageError {
    UsageError.rejected(
      text, of: name, from: .argument(name), isSecret: isSecret, because: reason, accepted: accepted)
  }
}

extension Argument {
  package init(
    _ name: String, _ kind: ValueKind<Value>, help: String, details: [String] = [], isSecret: Bool = false
  ) {
    facts = ArgumentFacts(name, .required, kind, help, details, isSecret)
    meaning = { facts, words throws(UsageError) in try facts.read(words.first ?? "", as: kind) }
  }

  package init<Wrapped>(
    optional name: String, _ kind: ValueKind<Wrapped>, help: String, details: [String] = [], isSecret: Bool = false
  ) where Value == Wrapped? {
    facts = ArgumentFacts(name, .optional, kind, help, details, isSecret)
    meaning = { facts, words throws(UsageError) in
      guard let word = words.first else { return nil }
      return try facts.read(word, as: kind)
    }
  }

  package init<Element>(
    oneOrMore name: String, _ kind: ValueKind<Element>, help: String, details: [String] = [], isSecret: Bool = false
  ) where Value == [Element] {
    self.init(repeated: name, .oneOrMore, kind, help, details, isSecret)
  }

  package init<Element>(
    zeroOrMore name: String, _ kind: ValueKind<Element>, help: String, details: [String] = [], isSecret: Bool = false
  ) where Value == [Element] {
    self.init(repeated: name, .zeroOrMore, kind, help, details, isSecret)
  }

  private init<Element>(
    repeated name: String, _ arity: ArgumentFacts.Arity, _ kind: ValueKind<Element>, _ help: String,
    _ details: [String], _ isSecret: Bool
  ) where Value == [Element] {
    facts = ArgumentFacts(name, arity, kind, help, details, isSecret)
    meaning = { facts, words throws(UsageError) in
      var values: [Element] = []
      for word in words { values.append(try facts.read(word, as: kind)) }
      return values
    }
  }
}

extension ArgumentFacts {
  fileprivate init<Value>(
    _ name: String, _ arity: Arity, _ kind: ValueKind<Value>, _ help: String, _ details: [String], _ isSecret: Bool
  ) {
    self.init(
      name: name, arity: arity, accepted: kind.accepted, completion: kind.completion, help: help, details: details,
      isSecret: isSecret)
  }
}
