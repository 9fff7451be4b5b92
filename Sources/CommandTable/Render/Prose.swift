/// Text with what its pieces are, before any form of output has its say: help and man pages are both made of it.
struct Fragment: Equatable {
  enum Role { case plain, literal, placeholder, heading }
  let text: String
  let role: Role

  static func plain(_ text: String) -> Fragment { Fragment(text: text, role: .plain) }
  static func literal(_ text: String) -> Fragment { Fragment(text: text, role: .literal) }
  static func placeholder(_ text: String) -> Fragment { Fragment(text: text, role: .placeholder) }
  static func heading(_ text: String) -> Fragment { Fragment(text: text, role: .heading) }
}

/// A word of prose: what stands between two blanks, which may be of several pieces: "(`--port`),".
typealias Word = [Fragment]

/// A paragraph as words, so that it can be filled to any width.
struct Prose {
  let words: [Word]

  init(words: [Word]) { self.words = words }

  /// Takes text between backticks as literal, without the backticks.
  init(_ text: String) {
    var words: [Word] = []
    var word: Word = []
    for (index, piece) in text.split(separator: "`", omittingEmptySubsequences: false).enumerated() {
      let role: Fragment.Role = index.isMultiple(of: 2) ? .plain : .literal
      for (index, part) in piece.split(separator: " ", omittingEmptySubsequences: false).enumerated() {
        if index > 0 {
          if !word.isEmpty { words.append(word) }
          word = []
        }
        if !part.isEmpty { word.append(Fragment(text: String(part), role: role)) }
      }
    }
    if !word.isEmpty { words.append(word) }
    self.words = words
  }

  /// The words set in lines of at most `width` characters; a longer word has a line of its own.
  func lines(width: Int) -> [[Word]] {
    var lines: [[Word]] = []
    var line: [Word] = []
    var used = 0
    for word in words {
      let length = word.width
      if !line.isEmpty, used + 1 + length > width {
        lines.append(line)
        (line, used) = ([], 0)
      }
      used += length + (line.isEmpty ? 0 : 1)
      line.append(word)
    }
    return line.isEmpty ? lines : lines + [line]
  }
}

extension String {
  /// With a period, unless it is a sentence already.
  var asSentence: String { last.map { ".?!".contains($0) } ?? true ? self : self + "." }

  /// A value at the end of a sentence: `.` would be lost before the period.
  var quotedAtPeriod: String { last == "." ? "\"\(self)\"" : self }
}

extension [Fragment] {
  var width: Int { reduce(0) { $0 + $1.text.count } }
}

extension [Word] {
  /// The words with a blank between each two.
  var onOneLine: [Fragment] { [Fragment](joined(separator: [Fragment.plain(" ")])) }
}
