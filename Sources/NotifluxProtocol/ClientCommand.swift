/// What a client of the text protocol can say: one text message, one command. `parse` and `text` are inverse for
/// every topic that text commands can carry.
package enum ClientCommand: Sendable, Equatable {
  case subscribe(topic: String, token: String)
  case unsubscribe(topic: String)
  case unsubscribeAll
  /// `/subscribe` whose rest is not two words parted by one blank.
  case malformedSubscribe
  /// Starts with `/` but is no command.
  case unknown

  /// `nil` for what is not a command at all: a text that, white space trimmed, does not start with `/`. Topics and
  /// tokens are taken as they stand; whether they are any good is judged later.
  package static func parse(_ message: String) -> ClientCommand? {
    let text = trimmed(message)
    guard text.utf8.first == UInt8(ascii: "/") else { return nil }
    guard let blank = text.utf8.firstIndex(of: UInt8(ascii: " ")) else {
      return text.utf8.elementsEqual("/unsubscribe-all".utf8) ? .unsubscribeAll : .unknown
    }
    let name = text.utf8[..<blank]
    let rest = text.utf8[text.utf8.index(after: blank)...]
    if name.elementsEqual("/unsubscribe".utf8) { return .unsubscribe(topic: String(Substring(rest))) }
    guard name.elementsEqual("/subscribe".utf8) else { return .unknown }
    let words = rest.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
    guard words.count == 2, !words[0].isEmpty, !words[1].isEmpty else { return .malformedSubscribe }
    return .subscribe(topic: String(Substring(words[0])), token: String(Substring(words[1])))
  }

  /// The message that says this command; `nil` for the two that are only ever received.
  package var text: String? {
    switch self {
    case .subscribe(let topic, let token): "/subscribe \(topic) \(token)"
    case .unsubscribe(let topic): "/unsubscribe \(topic)"
    case .unsubscribeAll: "/unsubscribe-all"
    case .malformedSubscribe, .unknown: nil
    }
  }

  /// Without Unicode `White_Space` at both ends. By scalars: a `Character` would hide a blank that carries a mark.
  private static func trimmed(_ text: String) -> Substring {
    let scalars = text.unicodeScalars
    guard let first = scalars.firstIndex(where: { !$0.properties.isWhitespace }),
      let last = scalars.lastIndex(where: { !$0.properties.isWhitespace })
    else { return "" }
    return text[first..<scalars.index(after: last)]
  }
}
