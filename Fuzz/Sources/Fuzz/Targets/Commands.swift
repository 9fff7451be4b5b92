@testable import NotifluxProtocol

/// The text commands of a WebSocket.
enum Commands: FuzzTarget {
  static let name = "commands"

  static func run(_ input: [UInt8]) {
    guard let message = String(validating: input, as: UTF8.self) else { return }
    let command = ClientCommand.parse(message)
    require(isSame(command, expected(message)), "a command is what the protocol says: \(String(describing: command))")
    if case .subscribe(let topic, let token)? = command {
      require(!topic.utf8.contains(0x20) && !token.utf8.contains(0x20), "a word holds no blank")
    }
    guard let text = command?.text else { return }
    require(isSame(ClientCommand.parse(text), command), "what is printed reads the same")
    if case .unsubscribe(let topic)? = command, let topic = try? Topic(topic), topic.fitsTextCommands {
      let subscribe = ClientCommand.subscribe(topic: topic.text, token: "t")
      require(isSame(ClientCommand.parse(subscribe.text ?? ""), subscribe), "a topic that fits can be subscribed to")
    }
  }

  /// Read again, in the plainest way: docs/protocol.md.
  private static func expected(_ message: String) -> ClientCommand? {
    var scalars = Array(message.unicodeScalars)
    while scalars.last?.properties.isWhitespace == true { scalars.removeLast() }
    while scalars.first?.properties.isWhitespace == true { scalars.removeFirst() }
    guard scalars.first == "/" else { return nil }
    let parts = scalars.split(separator: " ", omittingEmptySubsequences: false).map(text)
    let rest = text(scalars.drop { $0 != " " }.dropFirst())
    switch (Array(parts[0].utf8), parts.count) {
    case (Array("/unsubscribe-all".utf8), 1): return .unsubscribeAll
    case (Array("/unsubscribe".utf8), 2...): return .unsubscribe(topic: rest)
    case (Array("/subscribe".utf8), 3) where !parts[1].isEmpty && !parts[2].isEmpty:
      return .subscribe(topic: parts[1], token: parts[2])
    case (Array("/subscribe".utf8), 2...): return .malformedSubscribe
    default: return .unknown
    }
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  /// Byte for byte, which `==` of texts is not.
  private static func isSame(_ one: ClientCommand?, _ other: ClientCommand?) -> Bool {
    switch (one, other) {
    case (.subscribe(let topic, let token)?, .subscribe(let otherTopic, let otherToken)?):
      topic.hasSameBytes(as: otherTopic) && token.hasSameBytes(as: otherToken)
    case (.unsubscribe(let topic)?, .unsubscribe(let other)?): topic.hasSameBytes(as: other)
    default: one == other
    }
  }
}
