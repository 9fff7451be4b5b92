/// The row of an option: its flag, variable, default, help line, man entry and completion, each said here and nowhere else.
///
/// The initialiser chosen settles the type that `settings[option]` has:
///
///     Option("port", short: "p", .integer(in: 0...65535), default: "8080", help: …)   Option<Int>
///     Option("timeout", .duration, help: …)                                           Option<Duration?>
///     Option(required: "key", .file, help: …)                                         Option<String>
///     Option(repeatable: "public-key", .file, help: …)                                Option<[String]>
///     Option(flag: "quiet", short: "q", help: …)                                      Option<Bool>
///     Option(variable: "PUBLIC_KEY_B64", .text, help: …)                          Option<String?>, no flag at all
///
/// A flag on the command line beats the environment, which beats the default. An empty variable counts as unset.
package struct Option<Value: Sendable>: OptionRow {
  package let facts: OptionFacts
  let meaning: @Sendable (OptionFacts, RawSetting) throws(UsageError) -> (value: Value, origin: Origin)

  package func resolve(_ raw: RawSetting) throws(UsageError) -> any SettingSlot {
    let (value, origin) = try meaning(facts, raw)
    return Setting(value: value, origin: origin)
  }
}

/// A row whatever the type of its value: what a table holds.
package protocol OptionRow: Sendable {
  var facts: OptionFacts { get }
  /// Settles the value and its origin, or says what is wrong with what was given.
  func resolve(_ raw: RawSetting) throws(UsageError) -> any SettingSlot
}

/// What stands in for an option that was not given: a text that goes through the same parser, or a computed value.
package enum Default<Value: Sendable>: Sendable, ExpressibleByStringInterpolation {
  case text(String)
  /// A value known only when the program runs, and the words help has for it: `the number of cores`.
  case computed(String, @Sendable () -> Value)

  package init(stringLiteral text: String) { self = .text(text) }

  var shown: String {
    switch self {
    case .text(let text), .computed(let text, _): text
    }
  }
}
