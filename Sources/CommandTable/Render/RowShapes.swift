// What rows look like: the terms that help and man pages share.

extension OptionFacts {
  /// `-p, --port PORT`; `--color, --no-color`; `PUBLIC_KEY_B64=TEXT`.
  var term: [Fragment] {
    guard name != nil else { return [.literal(title), .plain("="), .placeholder(placeholder)] }
    let spellings = (short.map { ["-\($0)"] } ?? []) + shownSpellings
    var term: [Fragment] = []
    for spelling in spellings { term += (term.isEmpty ? [] : [.plain(", ")]) + [.literal(spelling)] }
    return takesValue ? term + [.plain(" ")] + placeholderFragments : term
  }

  /// `PORT`; of choices that stand for themselves each word is literal: `text|json`.
  var placeholderFragments: [Fragment] {
    guard case .choices(let choices) = completion, choices.joined(separator: "|") == placeholder else {
      return [.placeholder(placeholder)]
    }
    return choices.reduce(into: []) { $0 += ($0.isEmpty ? [] : [.plain("|")]) + [.literal($1)] }
  }

  /// What is accepted, where the placeholder does not say it all.
  var acceptedNote: String? {
    switch completion {
    case .file, .directory: return nil
    case .choices(let choices) where choices.joined(separator: "|") == placeholder: return nil
    default: return takesValue && accepted != "a text" ? accepted : nil
    }
  }
}

extension ArgumentFacts {
  /// `TOPIC`, `[MESSAGE]`, `TOPIC...`, `[TOPIC...]`.
  var term: [Fragment] {
    let dots: [Fragment] = isRepeated ? [.plain("...")] : []
    let inner = [.placeholder(name)] + dots
    return isRequired ? inner : [.plain("[")] + inner + [.plain("]")]
  }

  var acceptedNote: String? {
    switch completion {
    case .file, .directory: nil
    default: accepted == "a text" ? nil : accepted
    }
  }
}

extension CommandPath {
  /// `chat token subscribe [OPTIONS] --key FILE TOPIC...`
  func usage(in program: Program) -> [Word] {
    let words: [Word] = self.words.map { [.literal($0)] }
    let optionals: Word = [.plain("["), .placeholder("OPTIONS"), .plain("]")]
    if !subcommands(in: program).isEmpty {
      return words + [[.placeholder("COMMAND")], optionals, [.plain("["), .placeholder("ARGUMENTS"), .plain("]")]]
    }
    let required = (command?.options ?? []).map { $0.facts }.filter { $0.isRequired && !$0.isHidden }
    let requiredWords: [Word] = required.flatMap { [[.literal($0.title)], $0.placeholderFragments] }
    return words + [optionals] + requiredWords + (command?.arguments ?? []).map { $0.facts.term }
  }
}

/// The options of a command as help and man pages divide them: the general ones first, then headings in table order.
struct OptionGroups {
  private(set) var groups: [(title: String?, rows: [OptionFacts])] = []
  private static let environment = "Environment"

  init(_ rows: [any OptionRow], followedBy general: [any OptionRow] = []) {
    let shown = rows.map { $0.facts }.filter { !$0.isHidden }
    add(shown.filter { heading(of: $0) == nil } + general.map { $0.facts }.filter { !$0.isHidden }, under: nil)
    for facts in shown {
      guard let title = heading(of: facts), !groups.contains(where: { $0.title == title }) else { continue }
      add(shown.filter { heading(of: $0) == title }, under: title)
    }
  }

  private mutating func add(_ rows: [OptionFacts], under title: String?) {
    if !rows.isEmpty { groups.append((title, rows)) }
  }

  private func heading(of facts: OptionFacts) -> String? {
    facts.group ?? (facts.name == nil ? Self.environment : nil)
  }
}
