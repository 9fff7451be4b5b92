import Testing

@testable import CommandTable

@Suite("The parser")
struct ParserTests {
  private func helpPath(_ words: String...) throws -> String? {
    guard case .help(let path, _) = try Chat.program.parse(words, environment: [:]) else { return nil }
    return path.text
  }

  @Test("selects a command and a nested one") func selects() throws {
    #expect(try Chat.settings("serve").commandLine == "chat serve")
    #expect(try Chat.settings("token", "inspect").commandLine == "chat token inspect")
  }

  @Test("hands out what the selected command runs") func runs() throws {
    guard case .run(let run, let settings) = try Chat.parse("completion", "zsh") else {
      Issue.record("it does not run")
      return
    }
    #expect(try run(settings) == ExitCode(rawValue: 7))
    #expect(settings[Chat.shell] == .zsh)
  }

  @Test(
    "takes every GNU spelling of an option with a value",
    arguments: [["--port", "9"], ["--port=9"], ["-p", "9"], ["-p9"], ["-p=9"]])
  func spellings(_ words: [String]) throws {
    guard case .run(_, let settings) = try Chat.program.parse(["serve"] + words, environment: [:]) else {
      Issue.record("it does not run")
      return
    }
    #expect(settings[Chat.port] == 9)
  }

  @Test("takes clustered flags") func cluster() throws {
    let settings = try Chat.settings("publish", "-qj", "news")
    #expect(settings[Chat.quiet] && settings[Chat.json])
  }

  @Test("lets a cluster end in an option with its value") func clusterValue() throws {
    let settings = try Chat.settings("token", "subscribe", "-kx.pem", "-t5s", "news")
    #expect(settings[Chat.key] == "x.pem")
    #expect(settings[Chat.ttl] == .seconds(5))
  }

  @Test("finds options anywhere among the words") func anywhere() throws {
    let settings = try Chat.settings("publish", "news", "-q", "hello", "--json")
    #expect(settings[Chat.topic] == "news")
    #expect(settings[Chat.message] == "hello")
    #expect(settings[Chat.quiet] && settings[Chat.json])
  }

  @Test("takes what follows two dashes for positionals") func terminator() throws {
    let settings = try Chat.settings("publish", "-q", "--", "--json", "-x")
    #expect(settings[Chat.topic] == "--json")
    #expect(settings[Chat.message] == "-x")
    #expect(!settings[Chat.json])
  }

  @Test("takes a lone dash for a positional") func dash() throws {
    #expect(try Chat.settings("token", "inspect", "-")[Chat.token] == "-")
  }

  @Test("accepts an alias and a hidden option") func hidden() throws {
    #expect(try Chat.settings("serve", "--log-style", "json")[Chat.format] == .json)
    #expect(try Chat.settings("serve", "--fault", "x")[Chat.fault] == "x")
  }

  @Test("does not take a letter that merely looks equal") func kelvin() {
    #expect(Chat.refusal("serve", "-\u{212A}", "a.pem") == "unknown option -\u{212A}; did you mean -k?")
  }

  @Test("answers help wherever it stands before two dashes") func help() throws {
    #expect(try helpPath("--help") == "chat")
    #expect(try helpPath("-h", "serve") == "chat serve")
    #expect(try helpPath("token", "subscribe", "--help") == "chat token subscribe")
    #expect(try helpPath("serve", "--bogus", "--port", "abc", "--help") == "chat serve")
    #expect(try helpPath("publish", "--", "--help") == nil)
  }

  @Test("answers the help command, nested too") func helpCommand() throws {
    #expect(try helpPath("help") == "chat")
    #expect(try helpPath("help", "token") == "chat token")
    #expect(try helpPath("help", "token", "subscribe") == "chat token subscribe")
    #expect(try helpPath("token", "help", "subscribe") == "chat token subscribe")
    #expect(try helpPath("help", "--help") == "chat help")
    #expect(Chat.refusal("help", "sevre") == #"unknown command "sevre"; did you mean "serve"?"#)
    #expect(Chat.refusal("help", "serve", "x") == #"unexpected argument "x""#)
  }

  @Test("answers in short to -h and in full to --help") func detail() throws {
    guard case .help(_, let short) = try Chat.parse("serve", "-h"),
      case .help(_, let full) = try Chat.parse("serve", "--help")
    else {
      Issue.record("no help")
      return
    }
    #expect(short == .brief)
    #expect(full == .full)
  }

  @Test("answers version, and whichever of help and version comes first") func version() throws {
    for words in [["--version"], ["serve", "-V"], ["-V", "--help"]] {
      guard case .version = try Chat.program.parse(words, environment: [:]) else {
        Issue.record("no version for \(words)")
        continue
      }
    }
    #expect(try helpPath("-hV") == "chat")
    #expect(Chat.program.versionLine == "chat 1.2.3")
  }

  @Test("refuses an unknown command even when help is asked for") func unknownBeforeHelp() {
    #expect(Chat.refusal("bogus", "--help") == #"unknown command "bogus""#)
  }

  @Test("deals words out to required, optional and repeated arguments") func deal() throws {
    let required = Argument("A", .text, help: "A")
    let optional = Argument(optional: "B", .text, help: "B")
    let more = Argument(zeroOrMore: "C", .text, help: "C")
    let last = Argument("D", .text, help: "D")
    func shares(_ words: [String], _ rows: [any ArgumentRow]) throws -> [[String]] {
      try ArgumentFacts.share(words, among: rows).map(\.words)
    }
    #expect(try shares(["1", "2"], [required, optional, last]) == [["1"], [], ["2"]])
    #expect(try shares(["1", "2", "3"], [required, optional, last]) == [["1"], ["2"], ["3"]])
    #expect(try shares(["1", "2"], [required, more, last]) == [["1"], [], ["2"]])
    #expect(try shares(["1", "2", "3", "4"], [required, more, last]) == [["1"], ["2", "3"], ["4"]])
    #expect(throws: UsageError("missing argument D")) { try shares(["1"], [required, more, last]) }
    #expect(throws: UsageError(#"unexpected argument "3""#)) { try shares(["1", "2", "3"], [required, optional]) }
  }
}
