import CommandTable
import Testing

@Suite("Settings")
struct SettingsTests {
  @Test("prefer the flag to the environment and the environment to the default") func precedence() throws {
    let environment: Environment = ["PORT": "7000"]
    let byFlag = try Chat.settings("serve", "-p", "9000", environment: environment)
    #expect(byFlag[Chat.port] == 9000)
    #expect(byFlag.origin(of: Chat.port) == .flag("-p"))
    let byEnvironment = try Chat.settings("serve", environment: environment)
    #expect(byEnvironment[Chat.port] == 7000)
    #expect(byEnvironment.origin(of: Chat.port) == .environment("PORT"))
    let byDefault = try Chat.settings("serve")
    #expect(byDefault[Chat.port] == 8080)
    #expect(byDefault.origin(of: Chat.port) == .default)
    #expect(!byDefault.isGiven(Chat.port) && byEnvironment.isGiven(Chat.port))
  }

  @Test("do not look at a variable whose flag is given") func shadowed() throws {
    #expect(try Chat.settings("serve", "--port", "1", environment: ["PORT": "no number"])[Chat.port] == 1)
  }

  @Test("count an empty variable as unset") func empty() throws {
    let settings = try Chat.settings("serve", environment: ["PORT": "", "KEY_FILES": "", "CHAT_COLOR": ""])
    #expect(settings.origin(of: Chat.port) == .default)
    #expect(settings[Chat.publicKey] == [])
    #expect(settings[Chat.color])
  }

  @Test("keep the last of an option that counts once, and read the others too") func lastWins() throws {
    #expect(try Chat.settings("serve", "--port", "1", "-p2")[Chat.port] == 2)
    #expect(
      Chat.refusal("serve", "--port", "x", "-p2") == #"--port: "x" is not an integer; give an integer from 0 to 65535"#
    )
  }

  @Test("keep all of a repeatable option, in order") func repeated() throws {
    let settings = try Chat.settings("serve", "-k", "a", "--public-key=b", "-kc", environment: ["KEY_FILES": "z"])
    #expect(settings[Chat.publicKey] == ["a", "b", "c"])
    #expect(settings.origin(of: Chat.publicKey) == .flag("-k"))
  }

  @Test("split the variable of a repeatable option where the row says so") func separated() throws {
    let settings = try Chat.settings("serve", environment: ["KEY_FILES": "a: b ::c d"])
    #expect(settings[Chat.publicKey] == ["a", "b", "c d"])
    #expect(settings.origin(of: Chat.publicKey) == .environment("KEY_FILES"))
  }

  @Test("compute a default that depends on the machine") func computed() throws {
    #expect(try Chat.settings("serve")[Chat.workers] == 4)
    #expect(try Chat.settings("serve", "--workers", "2")[Chat.workers] == 2)
  }

  @Test("leave nil what may be left out") func optional() throws {
    let settings = try Chat.settings("serve")
    #expect(settings[Chat.admin] == nil)
    #expect(settings[Chat.publicKeyText] == nil)
    #expect(settings.origin(of: Chat.admin) == .default)
    #expect(try Chat.settings("serve", "--admin", "[::1]:9")[Chat.admin] == HostAndPort(host: "::1", port: 9))
  }

  @Test("read a variable that has no flag") func variableOnly() throws {
    let settings = try Chat.settings("serve", environment: ["PUBLIC_KEY_B64": "abc"])
    #expect(settings[Chat.publicKeyText] == "abc")
    #expect(settings.origin(of: Chat.publicKeyText) == .environment("PUBLIC_KEY_B64"))
  }

  @Test("turn flags on, off and by the environment") func flags() throws {
    #expect(try Chat.settings("serve")[Chat.color])
    #expect(try !Chat.settings("serve", "--no-color")[Chat.color])
    #expect(try Chat.settings("serve", "--no-color", "--color")[Chat.color])
    #expect(try !Chat.settings("serve", environment: ["CHAT_COLOR": "off"])[Chat.color])
    #expect(try Chat.settings("serve", "--color", environment: ["CHAT_COLOR": "0"])[Chat.color])
    #expect(try Chat.settings("publish", "x", environment: ["CHAT_QUIET": "1"])[Chat.quiet])
    #expect(try Chat.settings("serve", "--no-color").origin(of: Chat.color) == .flag("--no-color"))
  }

  @Test("take a required option from its variable") func required() throws {
    #expect(try Chat.settings("token", "subscribe", "a", environment: ["CHAT_KEY": "k"])[Chat.key] == "k")
  }

  @Test("know the origin of an argument") func argumentOrigin() throws {
    let settings = try Chat.settings("publish", "news")
    #expect(settings.origin(of: Chat.topic) == .argument("TOPIC"))
    #expect(settings.origin(of: Chat.message) == .default)
    #expect(settings[Chat.message] == nil)
    #expect(try Chat.settings("token", "subscribe", "-kk", "a", "b")[Chat.topics] == ["a", "b"])
  }

  @Test("word what only the command can see, with the hint of the command") func rejections() throws {
    let settings = try Chat.settings("publish", "news", "--mint", "a.pem", environment: ["CHAT_TOKEN": "secret"])
    let hint = "Try 'chat publish --help'."
    #expect(
      settings.rejection(of: Chat.mint, "a.pem", because: "does not exist")
        == UsageError(#"--mint: "a.pem" does not exist; give the path of a file"#, hint: hint))
    #expect(
      settings.rejection(of: Chat.secret, "secret", because: "is too old")
        == UsageError("CHAT_TOKEN: the value is too old (environment); give a text", hint: hint))
    #expect(
      settings.rejection(of: Chat.topic, "news", because: "is no topic")
        == UsageError(#"TOPIC: "news" is no topic; give a text"#, hint: hint))
    #expect(settings.usageError("give --x or --y") == UsageError("give --x or --y", hint: hint))
  }
}
