/// What a row says of its option apart from the type of the value: all that help, man pages and completions draw from.
package struct OptionFacts: Sendable {
  /// How many values an option takes on the command line.
  package enum Arity: Sendable, Equatable {
    /// None; `--no-NAME` exists when it is negatable.
    case flag(isNegatable: Bool)
    /// One; the last one typed wins.
    case single
    /// One each time it is typed; all are kept.
    case repeatable
  }

  /// Without the two dashes. A row without a name is an environment variable that has no flag.
  package let name: String?
  package let short: Character?
  /// Other long names, accepted but shown nowhere.
  package let aliases: [String]
  package let variable: String?
  /// What parts several values in the variable of a repeatable option; nil where it holds one.
  package let variableSeparator: Character?
  package let arity: Arity
  package let placeholder: String
  package let accepted: String
  package let completion: CompletionHint
  /// The default as help shows it.
  package let defaultText: String?
  /// One line, without a final period.
  package let help: String
  /// Paragraphs of whole sentences, for `--help` and the man page.
  package let details: [String]
  /// The heading in help; nil is the general one.
  package let group: String?
  package let isRequired: Bool
  /// A secret value is never repeated in an error.
  package let isSecret: Bool
  /// A hidden option works but is shown nowhere.
  package let isHidden: Bool
}

extension OptionFacts {
  var takesValue: Bool {
    if case .flag = arity { false } else { true }
  }
  var isNegatable: Bool { arity == .flag(isNegatable: true) }

  /// What errors call it: `--port`, or the variable if there is no flag.
  package var title: String { name.map { "--" + $0 } ?? variable ?? "" }

  /// How the variable of a repeatable option holds what the flag is given several times: `several parted by commas`.
  var variableNote: String? {
    guard arity == .repeatable, variable != nil else { return nil }
    return switch variableSeparator {
    case nil: "one value"
    case ",": "several parted by commas"
    case ":": "several parted by colons"
    case let other?: "several parted by \(other)"
    }
  }

  /// Identity within a table.
  var key: String { title }

  /// Every long name that selects the row, without dashes, with what it says of a flag.
  var longNames: [(name: String, isNegation: Bool)] {
    let names = ([name].compactMap { $0 } + aliases).map { (name: $0, isNegation: false) }
    guard isNegatable else { return names }
    return names + names.map { (name: "no-" + $0.name, isNegation: true) }
  }

  /// The long spellings a person is told of: `--color`, `--no-color`.
  var shownSpellings: [String] {
    guard let name, !isHidden else { return [] }
    return isNegatable ? ["--" + name, "--no-" + name] : ["--" + name]
  }
}
