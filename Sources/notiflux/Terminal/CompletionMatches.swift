/// The candidates that continue a word, as tab completion needs them.
struct CompletionMatches: Equatable {
  /// What all of them begin with; replaces the word.
  let commonPrefix: String
  /// In byte order, each once.
  let candidates: [String]

  /// Nil if no candidate begins with the word, byte for byte. A candidate that a terminal should not be fed, or that is
  /// more than one word, is left out.
  init?(of candidates: [String], for word: String) {
    let matching = candidates.filter { candidate in
      candidate.utf8.starts(with: word.utf8) && !candidate.utf8.contains(0x20)
        && TerminalText.safe(candidate, lineFeeds: .shown).utf8.elementsEqual(candidate.utf8)
    }
    let sorted = matching.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard let first = sorted.first, let last = sorted.last else { return nil }
    var unique: [String] = []
    for candidate in sorted where unique.last.map({ !$0.utf8.elementsEqual(candidate.utf8) }) ?? true {
      unique.append(candidate)
    }
    self.candidates = unique
    // The first and the last in byte order share what all share; scalars are never split.
    let shared = zip(first.unicodeScalars, last.unicodeScalars).prefix { $0 == $1 }.map(\.0)
    commonPrefix = String(String.UnicodeScalarView(shared))
  }
}
