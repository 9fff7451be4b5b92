import CommandTable
import NotifluxClient
import NotifluxProtocol

/// `notiflux listen`: its rows, and whether there is a terminal to hold a session on.
enum ListenCommand {
  static let topics = Argument(
    zeroOrMore: "TOPIC", .text("TOPIC"), help: "The topics to subscribe to; in a session more can be added")
  static let json = Option(flag: "json", short: "j", help: "Print each message and gap as a JSON object on a line")
  static let count = Option(
    "count", short: "n", .integer(in: 1...Int.max), help: "End after this many messages")
  static let timeout = Option(
    "timeout", .duration(in: .milliseconds(1) ... .seconds(366 * 86400)), help: "End after this time, with status 5")
  static let since = Option(
    "since", .cursor, help: "Begin after CURSOR, with what was published since")
  static let raw = Option(
    flag: "raw", help: "Speak text mode: send what is typed or piped, print all answers")

  static let command: Command = Command(
    "listen", summary: "Print messages as they are published",
    discussion: [
      "On a terminal this is a session: messages appear above the line you type, and commands subscribe, unsubscribe and "
        + "publish; `/help` lists them. Lines are kept in `~/.local/state/notiflux/listen_history`, without tokens.",
      "Otherwise each message goes to standard output, as it was published and followed by a line feed; a message with "
        + "line breaks in it takes several lines, with `--json` always one. Commands are read from standard input, where "
        + "that is not a terminal; its end does not end the session.",
      "A lost connection is made again, after a random and growing delay or when the server says. What was published "
        + "meanwhile comes then, and no message comes twice. A first connection that fails ends the command, unless it "
        + "is a session.",
      "Where the server no longer has a message that should have come, a note names the cursors before and at the end "
        + "of the gap; with `--json` the gap is an object among the messages. `--since` takes a cursor as `publish` and "
        + "`--json` print them, and begins behind it.",
      "JSON objects are the envelopes of the protocol: `{\"type\":\"message\",\"topic\":…,\"cursor\":…,\"data\":…}` and "
        + "`{\"type\":\"gap\",\"topic\":…,\"from\":…,\"to\":…}`.",
      "With `--raw`, and with a server that knows nothing else, text mode is spoken: what is published between two "
        + "connections is missed, and a message tells its topic only while there is just one.",
    ],
    arguments: [topics], options: ConnectionOptions.rows + [json, count, timeout, since, raw],
    exclusive: [ConnectionOptions.exclusive, [since, raw]],
    examples: [
      Example("notiflux listen news --key es256_private.pem", "Sign a token, subscribe, and see what comes."),
      Example("notiflux listen news --token @token.txt --json --count 1", "Wait for one message, as JSON."),
      Example(
        "notiflux listen news --token @token.txt --since k3J9x:42", "Print what came after a message, and go on."),
      Example("notiflux listen", "A session; subscribe with /subscribe TOPIC TOKEN."),
    ],
    sections: [
      ManSection("SESSION COMMANDS", SessionCommand.table.map { "`\($0.name) \($0.arguments)`: \($0.meaning)." })
    ],
    run: run)

  private static func run(_ settings: Settings) throws -> ExitCode {
    var session = ListenSession.Settings(
      endpoint: settings[ConnectionOptions.url], configuration: ClientConfiguration(),
      topics: try settings[topics].map { try settings.topic($0, of: topics) },
      credentials: try ConnectionOptions.credentials(settings), since: settings[since], count: settings[count],
      isRaw: settings[raw])
    session.configuration.caFile = settings[ConnectionOptions.caFile]
    session.configuration.prefersTextMode = session.isRaw
    if session.credentials == nil && !session.topics.isEmpty { throw ConnectionOptions.missingCredentials(settings) }
    let (timeout, json) = (settings[timeout], settings[json])
    session.isInteractive = isTerminal(0) && isTerminal(1)
    let readsCommands = !isTerminal(0) && settings[ConnectionOptions.token] != "-"
    let final = session
    if final.isInteractive {
      return try Blocking.wait { try await ListenTerminal.run(final, asJSON: json, timeout: timeout) }
    }
    guard readsCommands || !final.topics.isEmpty else {
      throw settings.usageError("there is nothing to listen to; name a TOPIC")
    }
    return try Blocking.wait {
      let listen = ListenSession(final, output: PipeOutput(asJSON: json, showsOnTerminal: isTerminal(1)))
      if readsCommands { Task { await commands(listen) } }
      return await listen.run(timeout: timeout)
    }
  }

  private static func commands(_ session: ListenSession) async {
    let input = LineSource(maximumLength: PublishCommand.maximumLength)
    do {
      while let line = try await input.next() { await session.execute(line) }
      if session.topics.isEmpty {
        Notiflux.say("there is nothing to listen to; name a TOPIC, or pipe in /subscribe TOPIC TOKEN")
        session.finish(.usage)
      }
    } catch {
      Notiflux.say("\(error)")
      session.finish(.failure)
    }
  }
}

extension ValueKind where Value == Cursor {
  fileprivate static var cursor: Self {
    ValueKind(placeholder: "CURSOR", accepted: "a cursor such as k3J9x:42") { text throws(ValueProblem) in
      do { return try Cursor(text) } catch { throw ValueProblem("is no cursor") }
    }
  }
}
