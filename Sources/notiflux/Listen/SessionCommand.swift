/// What can be typed into `notiflux listen`, one line a command.
enum SessionCommand: Equatable {
  case subscribe(topic: String, token: String?)
  case unsubscribe(topic: String)
  case unsubscribeAll
  case publish(topic: String, message: String)
  case topics
  case help
  case quit
  /// Something is wrong with the line; the text says what.
  case wrong(String)
  case nothing

  /// The rows of `/help`, and what the first word of a line completes to.
  static let table: [(name: String, arguments: String, meaning: String)] = [
    ("/subscribe", "TOPIC [TOKEN]", "subscribe; without TOKEN, with --key or --token"),
    ("/unsubscribe", "TOPIC", "end a subscription"),
    ("/unsubscribe-all", "", "end all of them"),
    ("/publish", "TOPIC MESSAGE", "publish a message"),
    ("/topics", "", "list the topics subscribed to"),
    ("/help", "", "show this list"),
    ("/quit", "", "leave, like Ctrl-D"),
  ]

  /// Words are parted by blanks; a message is all that stands after the topic and one blank.
  init(_ line: String) {
    let rest = line.drop { $0 == " " }
    guard !rest.allSatisfy(\.isWhitespace) else {
      self = .nothing
      return
    }
    let parts = rest.split(separator: " ", maxSplits: 1)
    let name = parts.first.map(String.init) ?? ""
    let text = parts.count > 1 ? parts[1] : ""
    let words = text.split(separator: " ").map(String.init)
    switch (name, words.count) {
    case ("/subscribe", 1...2): self = .subscribe(topic: words[0], token: words.count == 2 ? words[1] : nil)
    case ("/unsubscribe", 1): self = .unsubscribe(topic: words[0])
    case ("/unsubscribe-all", 0): self = .unsubscribeAll
    case ("/publish", 2...):
      let message = text.drop { $0 == " " }.drop { $0 != " " }.dropFirst()
      self = .publish(topic: words[0], message: String(message))
    case ("/topics", 0): self = .topics
    case ("/help", _): self = .help
    case ("/quit", 0): self = .quit
    default: self = .wrong(Self.complaint(name))
    }
  }

  private static func complaint(_ name: String) -> String {
    if let row = table.first(where: { $0.name == name }) {
      return "write it so: \(row.name)\(row.arguments.isEmpty ? "" : " ")\(row.arguments)"
    }
    if name.hasPrefix("/") { return "there is no command \(name); /help lists them" }
    return "lines are commands here and begin with a slash; /help lists them"
  }

  static var helpText: String {
    let width = table.map { $0.name.count + $0.arguments.count + 1 }.max() ?? 0
    return table.map { row in
      let usage = "\(row.name) \(row.arguments)"
      return "  \(usage)\(String(repeating: " ", count: width - usage.count + 2))\(row.meaning)\n"
    }.joined()
  }

  /// The line as the history file may know it: without tokens.
  static func redacted(_ line: String) -> String {
    if case .subscribe(let topic, _?) = SessionCommand(line) { return "/subscribe \(topic)" }
    let words = line.split(separator: " ", omittingEmptySubsequences: false)
    return words.map { looksLikeToken($0) ? "TOKEN" : $0 }.joined(separator: " ")
  }

  /// A JWS begins with the base64url of `{"`.
  private static func looksLikeToken(_ word: Substring) -> Bool {
    word.hasPrefix("eyJ") && word.split(separator: ".", omittingEmptySubsequences: false).count == 3
  }
}
