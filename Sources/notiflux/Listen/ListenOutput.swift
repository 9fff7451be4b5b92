import NotifluxClient
import NotifluxProtocol

/// Where a `listen` session puts what happens: messages are data, everything else is for a person.
protocol ListenOutput: Sendable {
  func show(_ message: Message) throws(StandardStream.Failure)
  func note(_ text: String)
}

/// Off a terminal: messages on standard output, one after the other, the rest on standard error.
struct PipeOutput: ListenOutput {
  let asJSON: Bool

  func show(_ message: Message) throws(StandardStream.Failure) {
    try StandardStream.output.write(asJSON ? message.json : message.data + "\n")
  }

  func note(_ text: String) { Notiflux.say(text) }
}

/// On a terminal: everything above the line being typed, and nothing in it that could drive the terminal.
struct TerminalOutput: ListenOutput {
  let editor: LineEditor
  let asJSON: Bool
  let isColoured: Bool

  func show(_ message: Message) { editor.print(TerminalText.safe(asJSON ? message.json : message.data)) }

  func note(_ text: String) {
    let text = TerminalText.safe(text)
    editor.print(isColoured ? "\u{1B}[2m\(text)\u{1B}[0m" : text)
  }
}

extension Message {
  /// The envelope of the protocol, with what is known, on a line.
  fileprivate var json: String {
    var object: JSONObject = ["type": .string("message")]
    object["topic"] = topic.map { .string($0.text) }
    object["cursor"] = cursor.map { .string($0.description) }
    object["data"] = .string(data)
    return String(decoding: JSONValue.object(object).serialized(), as: UTF8.self) + "\n"
  }
}
