import CommandTable
import Testing

@Suite("Unknown variables")
struct UnknownVariablesTests {
  private func warnings(_ words: String..., environment: Environment) throws -> [String] {
    guard case .run(_, let settings) = try Chat.program.parse(words, environment: environment) else { return [] }
    return settings.warnings
  }

  @Test("with the program's prefix are named, sorted, with the setting that was meant if one is near")
  func misspelt() throws {
    let environment: Environment = [
      "CHAT_TOKN": "x", "CHAT_QUIETT": "1", "CHAT_STRICT": "1", "CHAT_": "1", "CHATTER": "1", "TOKEN": "x",
    ]
    #expect(
      try warnings("publish", "news", environment: environment) == [
        "CHAT_ is not a setting; it is ignored", "CHAT_QUIETT is not a setting; did you mean CHAT_QUIET?",
        "CHAT_STRICT is not a setting; it is ignored", "CHAT_TOKN is not a setting; did you mean CHAT_TOKEN?",
      ])
  }

  @Test("are compared without the prefix, with those too that have none")
  func bare() throws {
    #expect(
      try warnings("serve", environment: ["CHAT_PORT": "9000", "CHAT_COUNT": "1", "CHAT_COLOUR": "1"]) == [
        "CHAT_COLOUR is not a setting; did you mean CHAT_COLOR?",
        "CHAT_COUNT is not a setting; did you mean WORKER_COUNT?", "CHAT_PORT is not a setting; did you mean PORT?",
      ])
  }

  @Test("are not those of another command, those without an option, and those that are empty")
  func known() throws {
    let environment: Environment = ["CHAT_KEY": "k", "CHAT_COLOR": "1", "CHAT_HOME": "/", "CHAT_OTHER": ""]
    #expect(try warnings("publish", "news", environment: environment) == [])
  }

  @Test("are not looked for by a command that reads none, nor by a program without a prefix")
  func unread() throws {
    #expect(try warnings("completion", "bash", environment: ["CHAT_TOKN": "x"]) == [])
    let option = Option("url", .text, environment: "TOOL_URL", help: "Go there")
    let command = Command("run", summary: "Run", options: [option]) { _ in .success }
    let program = Program(name: "tool", version: "1", summary: "Do things", commands: [command])
    guard case .run(_, let settings) = try program.parse(["run"], environment: ["TOOL_ULR": "x"]) else { return }
    #expect(settings.warnings == [])
  }

  @Test("are not what Kubernetes sets for a service of the program's name")
  func serviceLinks() throws {
    let environment: Environment = [
      "CHAT_SERVICE_HOST": "10.0.0.1", "CHAT_SERVICE_PORT": "80", "CHAT_SERVICE_PORT_HTTP": "80",
      "CHAT_PORT": "tcp://10.0.0.1:80", "CHAT_PORT_80_TCP": "tcp://10.0.0.1:80", "CHAT_PORT_80_TCP_PROTO": "tcp",
      "CHAT_PORT_80_TCP_PORT": "80", "CHAT_PORT_80_TCP_ADDR": "10.0.0.1", "CHAT_ADMIN_SERVICE_HOST": "10.0.0.2",
    ]
    #expect(try warnings("serve", environment: environment) == [])
  }

  @Test("stay one line of bearable length")
  func strange() throws {
    let long = "CHAT_" + String(repeating: "X", count: 100)
    #expect(
      try warnings("serve", environment: ["CHAT_A\u{1B}\n": "1", long: "1"]) == [
        "CHAT_A\\u{1b}\\n is not a setting; it is ignored", "\(long.prefix(32))… is not a setting; it is ignored",
      ])
  }
}
