import Testing

@testable import CommandTable

@Suite("Completions")
struct CompletionTests {
  @Test("are as they were agreed") func goldens() {
    Golden.expect(Chat.program.completions(for: .bash), is: Golden.bashCompletion, in: "bashCompletion")
    Golden.expect(Chat.program.completions(for: .zsh), is: Golden.zshCompletion, in: "zshCompletion")
    Golden.expect(Chat.program.completions(for: .fish), is: Golden.fishCompletion, in: "fishCompletion")
  }

  private func expectGoodSyntax(_ shell: Shell) throws {
    let (output, status) = try ShellTool.run(shell.rawValue, ["-n"], input: Chat.program.completions(for: shell))
    #expect(output.isEmpty && status == 0, "\(output)")
  }

  @Test("for bash are good bash", .enabled(if: ShellTool.find("bash") != nil, "bash is not installed"))
  func bashSyntax() throws { try expectGoodSyntax(.bash) }

  @Test("for zsh are good zsh", .enabled(if: ShellTool.find("zsh") != nil, "zsh is not installed"))
  func zshSyntax() throws { try expectGoodSyntax(.zsh) }

  @Test("for fish are good fish", .enabled(if: ShellTool.find("fish") != nil, "fish is not installed"))
  func fishSyntax() throws { try expectGoodSyntax(.fish) }

  /// What bash offers for the last word, by the script's own function; readline's part is shown as `compopt …`.
  private func bash(_ words: [String]) throws -> [String] {
    let script = """
      \(Chat.program.completions(for: .bash))
      compopt() { echo "compopt $*"; }
      COMP_WORDS=(\((["chat"] + words).map(\.shellQuoted).joined(separator: " ")))
      COMP_CWORD=\(words.count)
      _chat
      ((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
      """
    let (output, _) = try ShellTool.run("bash", ["--norc"], input: script)
    return output.split(separator: "\n").map { String($0) }
  }

  @Test(
    "for bash offer what may stand there", .enabled(if: ShellTool.find("bash") != nil, "bash is not installed"),
    arguments: [
      ([""], ["serve", "token", "publish", "completion", "help"]), (["se"], ["serve"]), (["token", "i"], ["inspect"]),
      (["-"], ["-h", "--help", "-V", "--version"]), (["serve", "--log"], ["--log-format"]),
      (["serve", "--log-format", ""], ["text", "json"]), (["serve", "--log-format", "=", "j"], ["json"]),
      (["serve", "--log-format", "="], ["text", "json"]), (["serve", "--log-format=j"], ["--log-format=json"]),
      (["serve", "--host", "token", "--no"], ["--no-color"]), (["serve", "--host=token", "--no"], ["--no-color"]),
      (["serve", "--port", ""], []), (["serve", "-k", "x"], ["compopt -o default"]),
      (["token", "subscribe", "-k"], ["-k"]), (["token", "subscribe", "-k", ""], ["compopt -o default"]),
      (["publish", "-qj", "--to"], ["--token"]), (["token", "subscribe", "-kt", "--tt"], ["--ttl"]),
      (["help", ""], ["serve", "token", "publish", "completion"]), (["help", "token", ""], ["subscribe", "inspect"]),
      (["token", "help", ""], ["subscribe", "inspect"]), (["help", "token", "subscribe", ""], []),
      (["completion", ""], ["bash", "zsh", "fish"]), (["completion", "zsh", ""], ["compopt -o default"]),
      (["completion", "--out-dir", ""], ["compopt -o dirnames"]), (["completion", "--", "-"], []),
      (["completion", "--", ""], ["bash", "zsh", "fish"]),
    ])
  func bashOffers(_ words: [String], _ offers: [String]) throws { #expect(try bash(words) == offers) }

  private func fish(_ line: String) throws -> [String] {
    let script = Chat.program.completions(for: .fish) + "complete -C \(line.shellQuoted)\n"
    let (output, _) = try ShellTool.run("fish", ["--no-config"], input: script)
    return output.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }.sorted()
  }

  @Test(
    "for fish offer what may stand there", .enabled(if: ShellTool.find("fish") != nil, "fish is not installed"),
    arguments: [
      ("", ["completion", "help", "publish", "serve", "token"]), ("token ", ["help", "inspect", "subscribe"]),
      ("help token ", ["inspect", "subscribe"]), ("token help s", ["subscribe"]),
      ("serve --log-format ", ["json", "text"]), ("serve --log-format=j", ["--log-format=json"]),
      ("serve --host token --no", ["--no-color"]), ("token subscribe --t", ["--ttl"]), ("serve ", []),
    ])
  func fishOffers(_ line: String, _ offers: [String]) throws { #expect(try fish("chat " + line) == offers) }

  @Test("offer nothing that is hidden") func hidden() {
    let zsh = Chat.program.completions(for: .zsh)
    #expect(!zsh.contains("fault") && !zsh.contains("log-style"))
  }
}
