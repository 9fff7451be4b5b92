// The ways to make a row, one for each shape of value.

extension Option {
  /// An option with a default: always has a value.
  package init(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Value>, default: Default<Value>,
    environment: String? = nil, help: String, details: [String] = [], group: String? = nil, aliases: [String] = [],
    isSecret: Bool = false, isHidden: Bool = false
  ) {
    facts = OptionFacts(
      name: name, short: short, aliases: aliases, variable: environment, arity: .single, kind: kind,
      defaultText: `default`.shown, help: help, details: details, group: group, isSecret: isSecret, isHidden: isHidden)
    meaning = { facts, raw throws(UsageError) in
      if let given = try facts.last(of: raw, as: kind) { return given }
      switch `default` {
      case .text(let text): return (try facts.read(text, as: kind, from: .default), .default)
      case .computed(_, let compute): return (compute(), .default)
      }
    }
  }

  /// An option that may be left out; then it is nil.
  package init<Wrapped>(
    _ name: String, short: Character? = nil, _ kind: ValueKind<Wrapped>, environment: String? = nil, help: String,
    details: [String] = [], group: String? = nil, aliases: [String] = [], isSecret: Bool = false,
    isHidden: Bool = false
  ) where Value == Wrapped? {
    facts = OptionFacts(
      name: name, short: short, aliases: aliases, variable: environment, arity: .single, kind: kind, help: help,
      details: details, group: group, isSecret: isSecret, isHidden: isHidden)
    meaning = { facts, raw throws(UsageError) in
      guard let given = try facts.last(of: raw, as: kind) else { return (nil, .default) }
      return (given.value, given.origin)
    }
  }

  /// An option that has to be given, by its flag or its variable.
  package init(
    required name: String, short: Character? = nil, _ kind: ValueKind<Value>, environment: String? = nil,
    help: String, details: [String] = [], group: String? = nil, aliases: [String] = [], isSecret: Bool = false,
    isHidden: Bool = false
  ) {
    facts = OptionFacts(
      name: name, short: short, aliases: aliases, variable: environment, arity: .single, kind: kind, help: help,
      details: details, group: group, isRequired: true, isSecret: isSecret, isHidden: isHidden)
    meaning = { facts, raw throws(UsageError) in
      if let given = try facts.last(of: raw, as: kind) { return given }
      let variable = facts.variable.map { ", or set \($0)" } ?? ""
      throw UsageError("missing option \(facts.title); give \(facts.title) \(facts.placeholder)\(variable)")
    }
  }

  /// An option that may be typed many times; the values keep their order.
  ///
  /// The variable gives one value, or with a separator several; blanks around each are dropped then.
  package init<Element>(
    repeatable name: String, short: Character? = nil, _ kind: ValueKind<Element>, environment: String? = nil,
    environmentSeparator: Character? = nil, help: String, details: [String] = [], group: String? = nil,
    aliases: [String] = [], isSecret: Bool = false, isHidden: Bool = false
  ) where Value == [Element] {
    facts = OptionFacts(
      name: name, short: short, aliases: aliases, variable: environment, variableSeparator: environmentSeparator,
      arity: .repeatable, kind: kind, help: help, details: details, group: group, isSecret: isSecret, isHidden: isHidden
    )
    meaning = { facts, raw throws(UsageError) in
      try facts.all(of: raw, as: kind, separator: environmentSeparator)
    }
  }

  /// A flag. When it is negatable, `--no-NAME` says the contrary and the last one typed wins.
  package init(
    flag name: String, short: Character? = nil, isNegatable: Bool = false, default: Bool = false,
    environment: String? = nil, help: String, details: [String] = [], group: String? = nil, aliases: [String] = [],
    isHidden: Bool = false
  ) where Value == Bool {
    facts = OptionFacts(
      name: name, short: short, aliases: aliases, variable: environment, arity: .flag(isNegatable: isNegatable),
      kind: ValueKind.boolean, defaultText: isNegatable || `default` ? (`default` ? "on" : "off") : nil, help: help,
      details: details, group: group, isHidden: isHidden)
    meaning = { facts, raw throws(UsageError) in
      if let typed = raw.occurrences.last { return (!typed.isNegation, .flag(typed.spelling)) }
      if let given = try facts.fromEnvironment(raw, as: .boolean) { return given }
      return (`default`, .default)
    }
  }

  /// An environment variable without a flag, for what does not belong on a command line.
  package init<Wrapped>(
    variable: String, _ kind: ValueKind<Wrapped>, help: String, details: [String] = [], group: String? = nil,
    isSecret: Bool = false
  ) where Value == Wrapped? {
    facts = OptionFacts(
      name: nil, short: nil, aliases: [], variable: variable, arity: .single, kind: kind, help: help,
      details: details, group: group, isSecret: isSecret, isHidden: false)
    meaning = { facts, raw throws(UsageError) in
      guard let given = try facts.fromEnvironment(raw, as: kind) else { return (nil, .default) }
      return (given.value, given.origin)
    }
  }
}

extension OptionFacts {
  fileprivate init<Value>(
    name: String?, short: Character?, aliases: [String], variable: String?, variableSeparator: Character? = nil,
    arity: Arity, kind: ValueKind<Value>, defaultText: String? = nil, help: String, details: [String], group: String?,
    isRequired: Bool = false, isSecret: Bool = false, isHidden: Bool
  ) {
    self.init(
      name: name, short: short, aliases: aliases, variable: variable, variableSeparator: variableSeparator,
      arity: arity, placeholder: kind.placeholder, accepted: kind.accepted, completion: kind.completion,
      defaultText: defaultText, help: help, details: details, group: group, isRequired: isRequired, isSecret: isSecret,
      isHidden: isHidden)
  }
}
