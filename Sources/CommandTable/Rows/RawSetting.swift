/// What was typed for one option, and what its variable holds: not yet read as values.
package struct RawSetting: Sendable {
  /// One time the option was typed.
  package struct Occurrence: Sendable, Equatable {
    /// As it was typed: `--port` or `-p`.
    package let spelling: String
    /// nil for a flag.
    package var value: String?
    package let isNegation: Bool

    init(_ spelling: String, _ value: String?, _ isNegation: Bool) {
      self.spelling = spelling
      self.value = value
      self.isNegation = isNegation
    }
  }

  package var occurrences: [Occurrence] = []
  /// nil when unset or empty.
  package var environmentValue: String?
}

extension OptionFacts {
  typealias Given<Value> = (value: Value, origin: Origin)

  /// The value that counts when only one does. Each one typed is read, so that none is wrong in silence.
  func last<Value>(of raw: RawSetting, as kind: ValueKind<Value>) throws(UsageError) -> Given<Value>? {
    var result: Given<Value>?
    for typed in raw.occurrences {
      result = (try read(typed.value ?? "", as: kind, from: .flag(typed.spelling)), .flag(typed.spelling))
    }
    if let result { return result }
    return try fromEnvironment(raw, as: kind)
  }

  func all<Value>(
    of raw: RawSetting, as kind: ValueKind<Value>, separator: Character?
  ) throws(UsageError) -> Given<[Value]> {
    var values: [Value] = []
    for typed in raw.occurrences {
      values.append(try read(typed.value ?? "", as: kind, from: .flag(typed.spelling)))
    }
    if let typed = raw.occurrences.last { return (values, .flag(typed.spelling)) }
    guard let variable, let text = raw.environmentValue else { return ([], .default) }
    let parts = separator.map { text.split(separator: $0).map(Self.trimmed) } ?? [text]
    for part in parts where !part.isEmpty {
      values.append(try read(part, as: kind, from: .environment(variable)))
    }
    return (values, .environment(variable))
  }

  func fromEnvironment<Value>(_ raw: RawSetting, as kind: ValueKind<Value>) throws(UsageError) -> Given<Value>? {
    guard let variable, let text = raw.environmentValue else { return nil }
    return (try read(text, as: kind, from: .environment(variable)), .environment(variable))
  }

  func read<Value>(_ text: String, as kind: ValueKind<Value>, from origin: Origin) throws(UsageError) -> Value {
    do {
      return try kind.parse(text)
    } catch {
      throw rejection(of: text, from: origin, because: error.reason)
    }
  }

  func rejection(of text: String, from origin: Origin, because reason: String) -> UsageError {
    UsageError.rejected(text, of: title, from: origin, isSecret: isSecret, because: reason, accepted: accepted)
  }

  private static func trimmed(_ text: Substring) -> String {
    String(text.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
  }
}
