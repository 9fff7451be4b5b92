import Testing

@testable import CommandTable

@Suite("Help")
struct HelpTextTests {
  private func path(_ words: String...) throws -> CommandPath {
    guard case .help(let path, _) = try Chat.program.parse(["help"] + words, environment: [:]) else {
      throw UsageError("no help")
    }
    return path
  }

  @Test("of the program is as it was agreed") func program() throws {
    Golden.expect(Chat.program.help(for: try path()), is: Golden.helpOfProgram, in: "helpOfProgram")
  }

  @Test("of a command in full is as it was agreed") func full() throws {
    Golden.expect(Chat.program.help(for: try path("serve")), is: Golden.helpOfServe, in: "helpOfServe")
  }

  @Test("of a command in short is as it was agreed") func brief() throws {
    let text = Chat.program.help(for: try path("serve"), .brief)
    Golden.expect(text, is: Golden.briefHelpOfServe, in: "briefHelpOfServe")
  }

  @Test("of a command with arguments is as it was agreed") func arguments() throws {
    let text = Chat.program.help(for: try path("token", "subscribe"))
    Golden.expect(text, is: Golden.helpOfSubscribe, in: "helpOfSubscribe")
  }

  @Test("keeps its prose within the columns", arguments: [40, 60, 80, 100]) func width(_ columns: Int) throws {
    for command in ["serve", "token", "publish", "completion"] {
      let lines = Chat.program.help(for: try path(command), columns: columns).split(separator: "\n")
      // An example is never broken, and neither is a word.
      let prose = lines.filter { $0.prefix(6) != "      " || !$0.contains("chat ") }
      for line in prose { #expect(line.count <= columns, "\(line)") }
    }
  }

  @Test("in colour says the same words") func style() throws {
    for words in [["serve"], ["token", "subscribe"]] {
      guard case .help(let path, _) = try Chat.program.parse(["help"] + words, environment: [:]) else { continue }
      let coloured = Chat.program.help(for: path, style: .ansi)
      let escapes = try Regex("\u{1B}\\[[014]m")
      #expect(coloured.contains("\u{1B}[1m--"))
      #expect(coloured.contains("\u{1B}[4mFILE\u{1B}[0m"))
      #expect(coloured.replacing(escapes, with: "") == Chat.program.help(for: path))
    }
  }

  @Test("shows neither hidden options nor aliases") func hidden() throws {
    let text = Chat.program.help(for: try path("serve"))
    #expect(!text.contains("--fault") && !text.contains("log-style"))
  }
}

@Suite("Prose")
struct ProseTests {
  @Test("is parted at blanks, and literal between backticks") func words() {
    #expect(
      Prose("Give (`--port N`), or  not.").words == [
        [.plain("Give")], [.plain("("), .literal("--port")], [.literal("N"), .plain("),")], [.plain("or")],
        [.plain("not.")],
      ])
    #expect(Prose("").words == [])
  }

  @Test("fills lines and never breaks a word") func lines() {
    let lines = Prose("aa bb cccccccc d").lines(width: 5).map { $0.onOneLine.map(\.text).joined() }
    #expect(lines == ["aa bb", "cccccccc", "d"])
  }
}
