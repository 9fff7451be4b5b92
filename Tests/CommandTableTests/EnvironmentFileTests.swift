import Testing

@testable import CommandTable

@Suite("Environment files")
struct EnvironmentFileTests {
  private let file = Chat.program.environmentFile(
    for: Chat.serve, introduction: ["Settings of `chat serve`.", "The second paragraph."],
    values: ["KEY_FILES": "/etc/chat/key.pem"])

  @Test("are as they were agreed") func golden() {
    Golden.expect(file, is: Golden.environmentFileOfServe, in: "environmentFileOfServe")
  }

  @Test("set what they are told to, and nothing else") func values() {
    #expect(file.split(separator: "\n").filter { !$0.hasPrefix("#") } == ["KEY_FILES=/etc/chat/key.pem"])
  }

  @Test("name every variable once") func variables() {
    for variable in Chat.serve.options.compactMap({ $0.facts.variable }) {
      let lines = file.split(separator: "\n").filter { $0.hasPrefix("#\(variable)=") || $0.hasPrefix("\(variable)=") }
      #expect(lines.count == 1, "\(variable)")
    }
  }

  @Test("mean the same when every line is let in") func uncommented() throws {
    var variables: [String: String] = [:]
    for line in file.split(separator: "\n") where line.hasPrefix("#") && !line.hasPrefix("# ") {
      let parts = line.dropFirst().split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
    }
    let settings = try Chat.settings("serve", environment: Environment(variables))
    let defaults = try Chat.settings("serve")
    #expect(settings[Chat.host] == defaults[Chat.host] && settings[Chat.port] == defaults[Chat.port])
    #expect(settings[Chat.format] == defaults[Chat.format] && settings[Chat.color] == defaults[Chat.color])
    #expect(settings[Chat.publicKeyText] == nil && settings[Chat.workers] == defaults[Chat.workers])
  }
}
