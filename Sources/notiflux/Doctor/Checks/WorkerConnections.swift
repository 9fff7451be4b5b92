/// How many connections a worker of nginx may hold, by nginx's main file: those to clients and those to servers behind it.
struct WorkerConnections: Sendable, Equatable {
  let count: Int
  /// Whether the file leaves it to nginx.
  let isDefault: Bool

  /// `nil` for a text that has no `events` block, or something in it that is not understood.
  init?(file text: String) {
    var words: [String] = []
    var blocks: [String] = []
    var count: Int?
    for token in Self.tokens(of: text) {
      switch token {
      case .word(let word): words.append(word)
      case .opening:
        blocks.append(words.first ?? "")
        words = []
      case .end:
        if blocks == ["events"], words.first == "include" { return nil }
        if blocks == ["events"], words.first == "worker_connections" {
          guard words.count == 2, let number = Int(words[1]), number > 0 else { return nil }
          count = number
        }
        words = []
      case .closing:
        if blocks == ["events"] {
          (self.count, isDefault) = (count ?? 512, count == nil)
          return
        }
        _ = blocks.popLast()
        words = []
      }
    }
    return nil
  }

  private enum Token: Equatable {
    case word(String)
    case opening, closing, end
  }

  /// As nginx reads its files: a comment begins where a word could, and quotes and backslashes take from a character what it
  /// stands for.
  private static func tokens(of text: String) -> [Token] {
    var tokens: [Token] = []
    var word: String?
    var quote: Character?
    var isEscaped = false
    var isComment = false
    func finish() {
      if let word { tokens.append(.word(word)) }
      word = nil
    }
    for character in text {
      switch character {
      case _ where isComment: isComment = !character.isNewline
      case _ where isEscaped:
        word = (word ?? "") + String(character)
        isEscaped = false
      case "\\": isEscaped = true
      case quote: quote = nil
      case _ where quote != nil: word = (word ?? "") + String(character)
      case "\"" where word == nil, "'" where word == nil: (word, quote) = ("", character)
      case "#" where word == nil: isComment = true
      case "{", "}", ";":
        finish()
        tokens.append(character == "{" ? .opening : character == "}" ? .closing : .end)
      case _ where character.isWhitespace: finish()
      default: word = (word ?? "") + String(character)
      }
    }
    finish()
    return tokens
  }
}
