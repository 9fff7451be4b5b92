import Testing

@testable import CommandTable

@Suite("Usage errors")
struct UsageErrorTests {
  @Test(
    "say what is wrong and how to mend it",
    arguments: [
      ("serve --port abc", #"--port: "abc" is not an integer; give an integer from 0 to 65535"#),
      ("serve -p abc", #"-p: "abc" is not an integer; give an integer from 0 to 65535"#),
      ("serve --port=", #"--port: "" is not an integer; give an integer from 0 to 65535"#),
      ("serve --port", "--port needs a value (an integer from 0 to 65535)"),
      ("serve -p", "-p needs a value (an integer from 0 to 65535)"),
      (
        "serve --history-ttl 5",
        #"--history-ttl: "5" has no unit; give a duration such as 500ms, 15s, 5m or 1h, from 1s to 1d"#
      ),
      ("serve --log-format xml", #"--log-format: "xml" is not one of the choices; give text or json"#),
      ("publish --quiet=1 x", "--quiet takes no value"),
      ("publish -q=1 x", "-q takes no value"),
      ("publish", "missing argument TOPIC"),
      ("publish a b x", #"unexpected argument "x""#),
      ("token subscribe x", "missing option --key; give --key FILE, or set CHAT_KEY"),
      ("token subscribe -kx", "missing argument TOPIC"),
      ("publish a --mint k --token t", "--token and --mint exclude each other; give one of them"),
      ("serve --prot 1", "unknown option --prot; did you mean --port?"),
      ("serve --hist=1", "unknown option --hist; did you mean --history-size or --history-ttl?"),
      ("serve --format", "unknown option --format; did you mean --log-format?"),
      ("serve --no-colour", "unknown option --no-colour; did you mean --no-color?"),
      ("publish --subject x", "unknown option --subject; it belongs to 'chat token subscribe'"),
      ("--port 3 serve", "unknown option --port; it stands after its command, as in 'chat serve --port'"),
      ("serve --xyzzy", "unknown option --xyzzy"),
      ("serve --=x", "unknown option --"),
      ("serve -x", "unknown option -x"),
      ("publish -Q", "unknown option -Q; did you mean -q?"),
      ("publish -quiet", "unknown option -u; did you mean --quiet?"),
      ("sevre", #"unknown command "sevre"; did you mean "serve"?"#),
      ("inspect", #"unknown command "inspect"; did you mean "token inspect"?"#),
      ("xyzzy", #"unknown command "xyzzy""#),
      ("token inspekt", #"unknown command "inspekt"; did you mean "inspect"?"#),
      ("token", "missing command; give subscribe or inspect"),
      ("", "missing command; give serve, token, publish or completion"),
    ])
  func texts(_ line: String, _ message: String) {
    let words = line.split(separator: " ").map { String($0) }
    #expect(throws: UsageError.self) { try Chat.program.parse(words, environment: [:]) }
    do throws(UsageError) {
      _ = try Chat.program.parse(words, environment: [:])
    } catch {
      #expect(error.message == message)
    }
  }

  @Test("name the variable a value came from") func environment() {
    #expect(
      Chat.refusal("serve", environment: ["PORT": "99999"])
        == #"PORT: "99999" is above 65535 (environment); give an integer from 0 to 65535"#)
    #expect(
      Chat.refusal("publish", "x", environment: ["CHAT_QUIET": "perhaps"])
        == "CHAT_QUIET: \"perhaps\" is neither yes nor no (environment); "
        + "give 1 or 0 (or true, false, yes, no, on, off)")
  }

  @Test("point to the help of the place they arose in") func hints() {
    func hint(_ words: String...) -> String? {
      do throws(UsageError) {
        _ = try Chat.program.parse(words, environment: [:])
        return nil
      } catch {
        return error.hint
      }
    }
    #expect(hint("bogus") == "Try 'chat --help'.")
    #expect(hint("--port", "1", "serve") == "Try 'chat --help'.")
    #expect(hint("serve", "--port", "x") == "Try 'chat serve --help'.")
    #expect(hint("token", "bogus") == "Try 'chat token --help'.")
    #expect(hint("token", "subscribe", "--bogus") == "Try 'chat token subscribe --help'.")
  }

  @Test("report the first mistake") func first() {
    #expect(Chat.refusal("publish", "--one", "--two", "a", "b", "c") == "unknown option --one")
  }

  @Test("never repeat a secret") func secrets() {
    let flag = Chat.refusal("publish", "x", "--token", "hush-hush-hush")
    #expect(flag == "--token: the value is no token; give a text")
    let variable = Chat.refusal("publish", "x", environment: ["CHAT_TOKEN": "hush-hush-hush"])
    #expect(variable == "CHAT_TOKEN: the value is no token (environment); give a text")
    #expect(Chat.refusal("token", "inspect", "hush", "hush") == "unexpected argument")
  }

  @Test("are one line of bearable length, whatever was typed") func oneLine() {
    #expect(Chat.refusal("publish", "a", "b", "c\nd\t\u{1B}[2J") == #"unexpected argument "c\nd\t\u{1b}[2J""#)
    #expect(Chat.refusal("publish", "a", "b", "say \"x\\y\"") == #"unexpected argument "say \"x\\y\"""#)
    #expect(Chat.refusal("publish", "a", "b", "\u{202E}\u{2028}é") == #"unexpected argument "\u{202e}\u{2028}é""#)
    let long = String(repeating: "x", count: 100_000)
    let short = String(repeating: "x", count: 32)
    #expect(Chat.refusal("publish", "a", "b", long) == "unexpected argument \"\(short)…\"")
    #expect(Chat.refusal("publish", "--" + long) == "unknown option --\(short)…")
    #expect(Chat.refusal("serve", "--lo\ng") == "unknown option --lo\\ng")
  }

  @Test("hold one line even when a command words them") func ownWords() {
    #expect(UsageError("a\nb").message == "a\\nb")
    #expect("\(UsageError("a", hint: "b"))" == "a\nb")
  }
}

@Suite("Near names")
struct NearNamesTests {
  @Test(
    "distance counts insertions, deletions, substitutions and swaps",
    arguments: [
      ("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("port", "prot", 1), ("kitten", "sitting", 3), ("ab", "ba", 1),
      ("serve", "sevre", 1), ("ca", "abc", 3),
    ])
  func distance(_ one: String, _ other: String, _ expected: Int) {
    #expect(NearNames.distance(Array(one.utf8), Array(other.utf8)) == expected)
    #expect(NearNames.distance(Array(other.utf8), Array(one.utf8)) == expected)
  }

  @Test("what is too far is not near") func far() {
    #expect(NearNames.of("--abc", among: ["--xyz", "--abcdefg"]) == ["--abcdefg"])
    #expect(NearNames.of("--pour", among: ["--post", "--port"]) == [])
    #expect(NearNames.of("--", among: ["--port"]) == [])
    #expect(NearNames.of("x", among: ["a", "b", "c", "d"]) == ["a", "b", "c"])
  }
}
