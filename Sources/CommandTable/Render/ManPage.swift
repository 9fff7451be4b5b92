/// A manual page in roff, by the macros of man(7).
package struct ManPage: Sendable {
  /// `chat-serve.1`
  package let fileName: String
  package let text: String
}

extension Program {
  /// One page for the program and one for each of its commands, subcommands included in their command's page.
  ///
  /// `date` (`2026-11-23`) stands in the footer as it is given; nothing else in a page changes by itself.
  package func manPages(date: String) -> [ManPage] {
    [programPage(date)] + commands.map { commandPage($0, date) }
  }

  /// The program's page, then those of its commands.
  private var pageNames: [String] { [name] + commands.map { "\(name)-\($0.name)" } }

  private func newPage(_ title: String, _ date: String) -> Roff {
    Roff(title: title, date: date, source: versionLine, manual: "User Commands")
  }

  private func programPage(_ date: String) -> ManPage {
    var roff = newPage(name, date)
    roff.name(name, summary)
    roff.section("Synopsis")
    roff.synopsis([root.usage(in: self)])
    roff.section("Description")
    roff.paragraphs(discussion.isEmpty ? [summary.asSentence] : discussion)
    roff.section("Commands")
    for command in commands {
      roff.entry([.literal("\(name)-\(command.name)"), .plain("(1)")], [command.summary.asSentence])
    }
    roff.entry([.literal("\(name) help"), .plain(" "), .placeholder("COMMAND")], [Self.helpCommand.summary.asSentence])
    roff.section("Options")
    roff.options(globalOptions)
    roff.exitStatus(exitStatuses)
    roff.environment([], variables)
    roff.sections(sections)
    roff.examples(examples)
    roff.seeAlso(pageNames.filter { $0 != name })
    return ManPage(fileName: "\(name).1", text: roff.text)
  }

  private func commandPage(_ command: Command, _ date: String) -> ManPage {
    let title = "\(name)-\(command.name)"
    let top = root.appending(command)
    let inner = paths.filter { $0.commands.count > 1 && $0.commands[0].name == command.name }
    let running = ([top] + inner).filter { $0.command?.run != nil }
    var roff = newPage(title, date)
    roff.name(title, command.summary)
    roff.section("Synopsis")
    roff.synopsis(running.map { $0.usage(in: self) })
    roff.section("Description")
    roff.paragraphs(command.discussion.isEmpty ? [command.summary.asSentence] : command.discussion)
    if !inner.isEmpty { roff.section("Commands") }
    for path in inner {
      guard let subcommand = path.command else { continue }
      roff.subsection(path.text)
      roff.paragraphs([subcommand.summary.asSentence] + subcommand.discussion)
      roff.arguments(subcommand.arguments)
      roff.options(subcommand.options, asSubsections: false)
    }
    if !command.arguments.isEmpty {
      roff.section("Arguments")
      roff.arguments(command.arguments)
    }
    roff.section("Options")
    roff.options(command.options, followedBy: globalOptions)
    roff.exitStatus(exitStatuses)
    let all = ([top] + inner).compactMap(\.command)
    roff.environment(all.flatMap(\.options), variables)
    roff.sections(all.flatMap(\.sections))
    roff.examples(all.flatMap(\.examples))
    roff.seeAlso(pageNames.filter { $0 != title })
    return ManPage(fileName: "\(title).1", text: roff.text)
  }
}

extension Roff {
  /// The line that whatis(1) reads; by custom it starts small.
  fileprivate mutating func name(_ name: String, _ summary: String) {
    section("Name")
    let isAcronym = summary.dropFirst().first?.isUppercase ?? false
    let first = summary.prefix(1)
    let shown = (isAcronym ? String(first) : first.lowercased()) + summary.dropFirst()
    line("\(Self.literal(name)) \\- \(Self.fragments(Prose(shown).words.onOneLine))")
  }

  fileprivate mutating func arguments(_ rows: [any ArgumentRow]) {
    for facts in rows.map({ $0.facts }) {
      let notes = facts.acceptedNote.map { ["Accepts \($0)."] } ?? []
      entry(facts.term, [([facts.help.asSentence] + notes).joined(separator: " ")] + facts.details)
    }
  }

  fileprivate mutating func options(
    _ rows: [any OptionRow], followedBy general: [any OptionRow] = [], asSubsections: Bool = true
  ) {
    for (title, facts) in OptionGroups(rows, followedBy: general).groups {
      if let title, asSubsections { subsection(title) }
      for facts in facts { entry(facts.term, [facts.help.asSentence] + facts.details + facts.manNotes) }
    }
  }

  fileprivate mutating func exitStatus(_ statuses: [ExitStatus]) {
    guard !statuses.isEmpty else { return }
    section("Exit status")
    for status in statuses { entry([.literal("\(status.code.rawValue)")], [status.meaning.asSentence]) }
  }

  /// Every variable once, with the options it stands for.
  fileprivate mutating func environment(_ rows: [any OptionRow], _ variables: [Variable]) {
    var entries: [(name: String, options: [String], text: String)] = []
    for facts in rows.map({ $0.facts }) where !facts.isHidden {
      guard let name = facts.variable else { continue }
      let option = facts.name.map { ["`--\($0)`"] } ?? []
      if let index = entries.firstIndex(where: { $0.name == name }) {
        for title in option where !entries[index].options.contains(title) { entries[index].options.append(title) }
      } else {
        entries.append((name, option, facts.help))
      }
    }
    if entries.isEmpty, variables.isEmpty { return }
    section("Environment")
    for (name, options, text) in entries {
      let meaning = options.isEmpty ? text.asSentence : "Stands in for \(options.joined(separator: " and "))."
      entry([.literal(name)], [meaning])
    }
    for variable in variables { entry([.literal(variable.name)], [variable.meaning.asSentence]) }
  }

  fileprivate mutating func sections(_ sections: [ManSection]) {
    for part in sections {
      section(part.title)
      paragraphs(part.paragraphs)
    }
  }

  fileprivate mutating func examples(_ examples: [Example]) {
    guard !examples.isEmpty else { return }
    section("Examples")
    for (index, example) in examples.enumerated() {
      paragraphs([example.explanation], first: index == 0)
      code(example.commandLine)
    }
  }

  fileprivate mutating func seeAlso(_ names: [String]) {
    section("See also")
    for (index, name) in names.enumerated() {
      line("\\fB\(Self.literal(name))\\fR(1)" + (index < names.count - 1 ? "," : ""))
    }
  }
}

extension OptionFacts {
  /// What else the row says, as sentences of one paragraph.
  fileprivate var manNotes: [String] {
    var notes: [String] = []
    if isRequired { notes.append("Required.") }
    if let acceptedNote { notes.append("Accepts \(acceptedNote).") }
    if arity == .repeatable { notes.append("May be repeated.") }
    if let defaultText { notes.append("Default: \(defaultText.isEmpty ? "empty" : defaultText.quotedAtPeriod).") }
    if let variable, name != nil {
      notes.append("Environment: \(variable)\(variableNote.map { " (\($0))" } ?? "").")
    }
    return notes.isEmpty ? [] : [notes.joined(separator: " ")]
  }
}
