import Testing

@testable import CommandTable

@Suite("Manual pages")
struct ManPageTests {
  private let pages = Chat.program.manPages(date: "2026-11-23")

  private func page(_ name: String) throws -> String {
    try #require(pages.first { $0.fileName == name }).text
  }

  @Test("are one for the program and one for each command") func names() {
    #expect(
      pages.map(\.fileName) == ["chat.1", "chat-serve.1", "chat-token.1", "chat-publish.1", "chat-completion.1"])
  }

  @Test("are as they were agreed") func goldens() throws {
    Golden.expect(try page("chat.1"), is: Golden.manOfProgram, in: "manOfProgram")
    Golden.expect(try page("chat-serve.1"), is: Golden.manOfServe, in: "manOfServe")
    Golden.expect(try page("chat-token.1"), is: Golden.manOfToken, in: "manOfToken")
    Golden.expect(try page("chat-publish.1"), is: Golden.manOfPublish, in: "manOfPublish")
  }

  @Test("end each sentence with one period, and quote a value that is or ends with one") func periods() throws {
    let rows: [any OptionRow] = [
      Option("dir", .directory, default: ".", help: "Write into DIR"),
      Option("name", .text, default: "", help: "Call it TEXT"),
      Option("more", .text, default: "a...", help: "Is it so?"),
    ]
    let command = Command("run", summary: "Run", options: rows) { _ in .success }
    let variables = [Variable("A", "It is so."), Variable("B", "It is not so"), Variable("C", "As in a, b ...")]
    let program = Program(name: "tool", version: "1", summary: "Do", commands: [command], variables: variables)
    let page = try #require(program.manPages(date: "2026-11-23").last).text
    for line in [
      "Default: \".\".", "Default: empty.", "Default: \"a...\".", "Is it so?", "It is so.", "It is not so.",
      "As in a, b ...",
    ] {
      #expect(page.contains("\n\(line)\n"), "\(line)")
    }
  }

  @Test("say how many values the variable of a repeatable option takes") func variableNotes() throws {
    let rows: [any OptionRow] = [
      Option(repeatable: "one", .file, environment: "ONE", help: "Use FILE"),
      Option(repeatable: "two", .text, environment: "TWO", environmentSeparator: ",", help: "Use TEXT"),
      Option(repeatable: "three", .file, environment: "THREE", environmentSeparator: ":", help: "Use FILE"),
      Option(repeatable: "four", .file, help: "Use FILE"), Option("five", .text, environment: "FIVE", help: "Use TEXT"),
    ]
    let command = Command("run", summary: "Run", options: rows) { _ in .success }
    let program = Program(name: "tool", version: "1", summary: "Do", commands: [command])
    let page = try #require(program.manPages(date: "2026-11-23").last).text
    let help = program.help(for: program.root.appending(command), columns: 100)
    let file = program.environmentFile(for: command, introduction: [])
    for (name, note) in [
      ("ONE", "one value"), ("TWO", "several parted by commas"), ("THREE", "several parted by colons"),
    ] {
      #expect(page.contains("\nMay be repeated.\nEnvironment: \(name) (\(note)).\n"))
      #expect(help.contains("[env: \(name), \(note)]"))
      #expect(file.contains(" \(note.prefix(1).uppercased())\(note.dropFirst()).\n#\(name)=\n"))
    }
    #expect(page.contains("\nEnvironment: FIVE.\n") && help.contains("[env: FIVE]"))
  }

  @Test("name one another") func seeAlso() throws {
    for own in pages {
      let section = try #require(own.text.split(separator: ".SH SEE ALSO").last)
      for other in pages {
        let name = Roff.literal(other.fileName.dropLast(2))
        #expect(section.contains("\\fB\(name)\\fR(1)") == (own.fileName != other.fileName), "\(own.fileName): \(name)")
      }
    }
  }

  @Test("never let a text become a request or an escape") func escapes() {
    #expect(Roff.literal(#"-a 'b' "c" \d ~^`"#) == #"\-a \(aqb\(aq \(dqc\(dq \ed \(ti\(ha\(ga"#)
    #expect(Roff.prose("well-known") == "well-known")
    #expect(Roff.prose("(--no-color") == #"(\-\-no\-color"#)
    #expect(Roff.prose("é—👩\n") == #"\[u00E9]\[u2014]\[u1F469] "#)
    var roff = Roff(title: "t", date: #"a "quoted" date"#, source: "s", manual: "m")
    roff.paragraphs([".TH is no request. 'nor this"])
    roff.code("'quoted'\n.dotted")
    #expect(
      roff.text == #"""
        .TH T 1 "a \(dqquoted\(dq date" "s" "m"
        \&.TH is no request.
        \&'nor this
        .PP
        .RS 4
        .EX
        \(aqquoted\(aq
        \&.dotted
        .EE
        .RE

        """#)
  }

  @Test(
    "please groff", .enabled(if: ShellTool.find("groff") != nil, "groff is not installed: pages go unchecked by it"))
  func groff() throws {
    for page in pages {
      let (output, status) = try ShellTool.run("groff", ["-man", "-ww", "-z", "-Tascii"], input: page.text)
      #expect(output.isEmpty && status == 0, "\(page.fileName): \(output)")
    }
  }

  @Test(
    "please mandoc", .enabled(if: ShellTool.find("mandoc") != nil, "mandoc is not installed: pages go unchecked by it"))
  func mandoc() throws {
    for page in pages {
      let (output, _) = try ShellTool.run("mandoc", ["-T", "lint", "-W", "all"], input: page.text)
      #expect(output.isEmpty, "\(page.fileName): \(output)")
    }
  }
}
