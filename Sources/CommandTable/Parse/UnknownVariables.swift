// Variables that look like settings and are none: a misspelt one would be passed over without a word.

extension Program {
  /// What to say of them, one line each; nothing where the command has no variable that begins as they do, and so does not
  /// look for any.
  func unknownVariables(for command: Command, in environment: Environment) -> [String] {
    guard let prefix = variablePrefix else { return [] }
    guard command.options.contains(where: { $0.facts.variable?.hasPrefix(prefix) ?? false }) else { return [] }
    let known = allVariables
    return environment.names.filter { name in
      name.hasPrefix(prefix) && !known.contains { $0.hasSameBytes(as: name) }
        && !isServiceLink(name, environment[name] ?? "")
    }.map { name in
      let near = near(name, among: known, prefix)
      let advice = near.isEmpty ? "it is ignored" : "did you mean \(near.joinedByOr())?"
      return "\(Quotation.bare(name)) is not a setting; \(advice)"
    }
  }

  /// Those of every command, and those without an option, each once.
  private var allVariables: [String] {
    let ofOptions = paths.flatMap { $0.command?.options ?? [] }.compactMap { $0.facts.variable }
    var seen: Set<String> = []
    return (ofOptions + variables.map(\.name)).filter { seen.insert($0).inserted }
  }

  /// The prefix all have in common says nothing of how near two are.
  private func near(_ name: String, among known: [String], _ prefix: String) -> [String] {
    func spelling(_ name: String) -> String {
      (name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name).replacing("_", with: "-")
    }
    let near = NearNames.of(spelling(name), among: known.map(spelling))
    return known.filter { near.contains(spelling($0)) }
  }

  /// What Kubernetes puts into every container of a namespace for a service that has the program's name:
  /// `CHAT_SERVICE_HOST`, `CHAT_SERVICE_PORT_HTTP`, `CHAT_PORT=tcp://10.0.0.1:80`, `CHAT_PORT_80_TCP_ADDR`.
  private func isServiceLink(_ name: String, _ value: String) -> Bool {
    let words = name.utf8.split(separator: UInt8(ascii: "_")).map { Substring($0) }
    let isNamedSo = zip(words, words.dropFirst()).contains { word, next in
      word == "SERVICE" && (next == "HOST" || next == "PORT") || word == "PORT" && next.utf8.allSatisfy(isDigit)
    }
    return isNamedSo || ["tcp://", "udp://", "sctp://"].contains { value.hasPrefix($0) }
  }
}
