import Testing

@testable import CommandTable

@Suite("The scanner")
struct ScannerTests {
  private func tokens(_ words: String...) -> [Scanner.Token] {
    var scanner = Scanner(words)
    var tokens: [Scanner.Token] = []
    while let token = scanner.next() { tokens.append(token) }
    return tokens
  }

  @Test("tells long options, short ones and words apart") func kinds() {
    #expect(tokens("--port", "-q", "news") == [.long(name: "port", value: nil), .short("q"), .word("news")])
  }

  @Test("splits a long option at its first equals sign") func equals() {
    #expect(tokens("--a=b=c", "--a=") == [.long(name: "a", value: "b=c"), .long(name: "a", value: "")])
  }

  @Test("gives the letters of a cluster one by one") func cluster() {
    #expect(tokens("-qjp") == [.short("q"), .short("j"), .short("p")])
  }

  @Test("takes a lone dash and the empty word for words") func lone() {
    #expect(tokens("-", "") == [.word("-"), .word("")])
  }

  @Test("takes all that follows two dashes for words") func terminator() {
    #expect(tokens("--", "--port", "-q", "--") == [.word("--port"), .word("-q"), .word("--")])
  }

  @Test("gives the rest of a cluster as the value, without an equals sign in front") func attached() {
    for argument in ["-p80", "-p=80"] {
      var scanner = Scanner([argument, "next"])
      #expect(scanner.next() == .short("p"))
      #expect(scanner.value() == "80")
      #expect(scanner.next() == .word("next"))
    }
  }

  @Test("gives the next word as the value, whatever it looks like") func nextWord() {
    var scanner = Scanner(["--name", "--", "--name", "-q"])
    #expect(scanner.next() == .long(name: "name", value: nil))
    #expect(scanner.value() == "--")
    #expect(scanner.next() == .long(name: "name", value: nil))
    #expect(scanner.value() == "-q")
    #expect(scanner.value() == nil)
  }

  @Test("looks at bytes: a combining mark hides neither a dash nor an equals sign") func combining() {
    #expect(tokens("--a=\u{301}x") == [.long(name: "a", value: "\u{301}x")])
    #expect(tokens("-\u{301}") == [.short("\u{301}")])
  }
}
