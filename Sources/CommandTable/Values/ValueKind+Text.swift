// The kinds whose value is a text, or one of a few texts.

extension ValueKind where Value == String {
  /// Any text, the empty one included.
  package static var text: Self { text("TEXT") }
  /// Any text, the empty one included.
  package static func text(_ placeholder: String, accepted: String = "a text") -> Self {
    Self(placeholder: placeholder, accepted: accepted) { $0 }
  }

  /// The path of a file; that it exists is for the command to see.
  package static var file: Self { file("FILE") }
  package static func file(_ placeholder: String, accepted: String = "the path of a file") -> Self {
    path(placeholder, accepted, .file)
  }

  /// The path of a directory; that it exists is for the command to see.
  package static var directory: Self { directory("DIR") }
  package static func directory(_ placeholder: String, accepted: String = "the path of a directory") -> Self {
    path(placeholder, accepted, .directory)
  }

  private static func path(_ placeholder: String, _ accepted: String, _ completion: CompletionHint) -> Self {
    Self(placeholder: placeholder, accepted: accepted, completion: completion) { text throws(ValueProblem) in
      if text.isEmpty { throw ValueProblem("is empty") }
      return text
    }
  }
}

extension ValueKind {
  /// One of a few words, compared byte for byte. Without a placeholder the words stand for themselves: `text|json`.
  package static func choice(_ choices: [(String, Value)], placeholder: String? = nil) -> Self {
    let words = choices.map(\.0)
    return Self(
      placeholder: placeholder ?? words.joined(separator: "|"), accepted: words.joinedByOr(),
      completion: .choices(words)
    ) { text throws(ValueProblem) in
      guard let match = choices.first(where: { $0.0.hasSameBytes(as: text) }) else {
        throw ValueProblem(text.isEmpty ? "is empty" : "is not one of the choices")
      }
      return match.1
    }
  }
}

extension ValueKind where Value: CaseIterable & RawRepresentable<String> {
  /// One of the cases of an enumeration, by its raw value.
  package static func choice(of type: Value.Type, placeholder: String? = nil) -> Self {
    choice(type.allCases.map { ($0.rawValue, $0) }, placeholder: placeholder)
  }
}

extension ValueKind where Value == Bool {
  /// Yes or no, as an environment variable says it for a flag.
  package static var boolean: Self {
    let words: [(String, Bool)] = [
      ("1", true), ("true", true), ("yes", true), ("on", true), ("0", false), ("false", false), ("no", false),
      ("off", false),
    ]
    return Self(placeholder: "BOOL", accepted: "1 or 0 (or true, false, yes, no, on, off)") {
      text throws(ValueProblem) in
      guard let match = words.first(where: { $0.0.hasSameBytes(as: text.lowercased()) }) else {
        throw ValueProblem("is neither yes nor no")
      }
      return match.1
    }
  }
}
