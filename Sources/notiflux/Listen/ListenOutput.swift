import NotifluxClient
import NotifluxProtocol

/// Where a `listen` session puts what happens: messages are data, everything else is for a person.
protocol ListenOutput: Sendable {
  /// `namesTopic`: several topics are listened to, so that a person wants to know which one it is of.
  func show(_ message: Message, namesTopic: Bool) throws(StandardStream.Failure)
  func show(_ gap: Gap) throws(StandardStream.Failure)
  func note(_ text: String)
}

/// Without a session: messages on standard output, one after the other, the rest on standard error. In JSON a gap is data
/// too.
struct PipeOutput: ListenOutput {
  let asJSON: Bool
  /// There may be one although nobody types, such as where the token or the commands come from a file.
  let showsOnTerminal: Bool

  func show(_ message: Message, namesTopic: Bool) throws(StandardStream.Failure) {
    try write(asJSON ? message.json : message.data + "\n")
  }

  func show(_ gap: Gap) throws(StandardStream.Failure) {
    if asJSON { try write(gap.json) } else { note(gap.sentence) }
  }

  private func write(_ text: String) throws(StandardStream.Failure) {
    try StandardStream.output.write(showsOnTerminal ? TerminalText.safe(text) : text)
  }

  func note(_ text: String) { Notiflux.say(text) }
}

/// On a terminal: everything above the line being typed, and nothing in it that could drive the terminal.
struct TerminalOutput: ListenOutput {
  let editor: LineEditor
  let asJSON: Bool
  let isColoured: Bool

  func show(_ message: Message, namesTopic: Bool) {
    editor.print(
      asJSON ? TerminalText.safe(message.json) : message.row(namesTopic: namesTopic, isColoured: isColoured))
  }

  func show(_ gap: Gap) { if asJSON { editor.print(TerminalText.safe(gap.json)) } else { note(gap.sentence) } }

  func note(_ text: String) { editor.print(Self.dim(TerminalText.safe(text), isColoured: isColoured)) }

  static func dim(_ text: String, isColoured: Bool) -> String { isColoured ? "\u{1B}[2m\(text)\u{1B}[0m" : text }
}

extension Message {
  /// The envelope of the protocol on a line; in text mode with what is known.
  var json: String {
    if let topic, let cursor { return ServerEnvelope.message(topic: topic, cursor, data: data).line }
    var object: JSONObject = ["type": .string("message")]
    object["topic"] = topic.map { .string($0.text) }
    object["cursor"] = cursor.map { .string($0.description) }
    object["data"] = .string(data)
    return String(decoding: JSONValue.object(object).serialized(), as: UTF8.self) + "\n"
  }

  /// For a terminal: the topic, if it is known and wanted, and the text.
  func row(namesTopic: Bool, isColoured: Bool) -> String {
    let text = TerminalText.safe(data)
    guard namesTopic, let topic else { return text }
    let name = TerminalText.safe(topic.text, lineFeeds: .shown)
    return "\(TerminalOutput.dim(name, isColoured: isColoured))  \(text)"
  }
}

extension Gap {
  /// The envelope of the protocol on a line.
  var json: String { ServerEnvelope.gap(topic: topic, from: from, to: to).line }

  /// For a person.
  var sentence: String { "messages of \(topic) are gone: \(from) to \(to)" }
}

extension ServerEnvelope {
  fileprivate var line: String { String(decoding: json, as: UTF8.self) + "\n" }
}
