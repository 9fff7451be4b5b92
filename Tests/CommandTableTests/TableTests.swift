import CommandTable
import Testing

@Suite("The walk over the table")
struct TableTests {
  @Test("finds nothing wrong with a good table") func good() { #expect(Chat.program.problems() == []) }

  private func problems(_ options: [any OptionRow], arguments: [any ArgumentRow] = []) -> [String] {
    problems(Command("run", summary: "Run", arguments: arguments, options: options) { _ in .success })
  }

  private func problems(_ commands: Command...) -> [String] {
    Program(name: "tool", version: "1", summary: "Do things", commands: commands).problems()
  }

  @Test("finds a default that does not parse") func badDefault() {
    let row = Option("port", .integer(in: 0...9), default: "10", help: "Listen on N")
    #expect(
      problems([row]) == [#"tool run: --port: the default "10" is above 9; give an integer from 0 to 9"#])
  }

  @Test("finds names that are there twice") func doubles() {
    let one = Option(flag: "color", short: "c", isNegatable: true, environment: "V", help: "Colour it")
    let other = Option("no-color", short: "c", .file, environment: "V", help: "Colour it not")
    let help = Option(flag: "assist", short: "h", help: "Help", aliases: ["version"])
    #expect(
      problems([one, other, help]) == [
        "tool run: the option --no-color is there twice", "tool run: the option --version is there twice",
        "tool run: the option -c is there twice", "tool run: the option -h is there twice",
        "tool run: the variable V is there twice",
      ])
    let command = Command("run", summary: "Run") { _ in .success }
    #expect(problems(command, command).first == "tool: the command run is there twice")
    #expect(
      problems(Command("help", summary: "Help") { _ in .success }) == ["tool: the command help is built in"])
  }

  @Test("finds names that nobody could type") func badNames() {
    let rows: [any OptionRow] = [
      Option(flag: "Loud", help: "Be loud"), Option(flag: "a--b", help: "Be odd"), Option(flag: "x", help: "Be short"),
      Option(flag: "umlaut", short: "ü", help: "Be German"), Option("key", .file, environment: "key", help: "Use FILE"),
    ]
    #expect(
      problems(rows) == [
        "tool run: --Loud is not made of small letters, digits and single dashes",
        "tool run: --a--b is not made of small letters, digits and single dashes",
        "tool run: --x is not made of small letters, digits and single dashes",
        "tool run: --umlaut: the short form ü is not an ASCII letter or digit",
        "tool run: --key: key is not made of capitals, digits and underscores",
      ])
  }

  @Test("finds help that is missing, too long or not in its form") func help() {
    let rows: [any OptionRow] = [
      Option(flag: "aa", help: ""), Option(flag: "bb", help: "Be loud."), Option(flag: "cc", help: "be loud"),
      Option(flag: "dd", help: "Be\nloud"), Option(flag: "ee", help: String(repeating: "X", count: 73)),
      Option(flag: "ff", help: "Be loud", details: ["No sentence"]),
    ]
    #expect(
      problems(rows) == [
        "tool run: --aa: the help is missing", "tool run: --bb: the help ends with a period",
        "tool run: --cc: the help starts with a small letter", "tool run: --dd: the help has more than one line",
        "tool run: --ee: the help is longer than 72 characters",
        "tool run: --ff: the details has a paragraph that is not made of whole sentences",
      ])
  }

  @Test("finds arguments that cannot be told apart") func arguments() {
    let one = Argument(oneOrMore: "A", .text, help: "One")
    let other = Argument(zeroOrMore: "B", .text, help: "Other")
    let optional = Argument(optional: "C", .text, help: "Third")
    #expect(problems([], arguments: [one, other]) == ["tool run: more than one argument is repeated"])
    #expect(
      problems([], arguments: [optional, one]) == [
        "tool run: an optional argument beside a repeated one cannot be told apart from it"
      ])
    #expect(problems([], arguments: [optional, optional]) == ["tool run: the argument C is there twice"])
  }

  @Test("finds a flag that could never be turned off, and choices that are none") func deadRows() {
    let flag = Option(flag: "loud", default: true, help: "Be loud")
    #expect(problems([flag]) == ["tool run: --loud: a flag that is on by default must be negatable"])
    let choices: [(String, Int)] = []
    let choice = Option("form", .choice(choices, placeholder: "FORM"), help: "Choose a form")
    #expect(problems([choice]) == ["tool run: --form: no choices"])
  }

  @Test("finds examples that the parser refuses") func examples() {
    let command = Command(
      "run", summary: "Run",
      examples: [
        Example("tool run --bogus", "It does not work."), Example("other run", "It is another's."),
        Example("A=1 tool run", "It works."), Example("tool run --bogus | cat", "It is for a shell to judge."),
      ]
    ) { _ in .success }
    #expect(
      problems(command) == [
        "tool run: the example 'tool run --bogus' is refused: unknown option --bogus",
        "tool run: the example 'other run' does not start with tool",
      ])
  }

  @Test("finds commands that do nothing, and rows that exclude a stranger") func commands() {
    #expect(
      problems(Command("group", summary: "Hold", subcommands: [])) == [
        "tool group: it neither runs nor has subcommands"
      ])
    let stranger = Option(flag: "stranger", help: "Be strange")
    let command = Command("run", summary: "Run", exclusive: [[stranger]]) { _ in .success }
    #expect(problems(command) == ["tool run: --stranger is exclusive but not among the options"])
  }
}
