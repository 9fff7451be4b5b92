import NotifluxProtocol

@testable import NotifluxServer

/// A message of the log's tests: told apart by its text, as large as the test wants it.
struct TestPayload: LogPayload, Equatable {
  var text = ""
  var byteCount = 0
}

extension MessageLog where Payload == TestPayload {
  /// Appends a small message whose text is `text`.
  @discardableResult
  mutating func append(_ text: String, _ topic: Topic, at now: Double = 0) -> UInt64 {
    append(TestPayload(text: text, byteCount: text.utf8.count), to: topic, now: now)
  }

  /// Everything the reader has to read, in pages of `page` items, each item written as a word: `t3` is the message 3 of
  /// topic t, `t(1,4]` a gap, `t(?,4]` one of a cursor of another log; after `@` the position, where it is not the
  /// message itself.
  mutating func words(_ reader: inout LogReader, page: Int = .max, at now: Double = 0) -> String {
    var words: [String] = []
    for _ in 0..<100 where !reader.isCaughtUp(with: head) {
      words += read(&reader, maximumItems: page, maximumBytes: .max, now: now).map(\.word)
    }
    if !reader.isCaughtUp(with: head) { words.append("never caught up") }
    return words.joined(separator: " ")
  }

  mutating func words(_ topics: Topic..., after position: UInt64?, page: Int = .max, at now: Double = 0) -> String {
    var reader = openReader(topics: topics, after: position)
    return words(&reader, page: page, at: now)
  }
}

extension LogItem {
  var word: String {
    switch self {
    case .message(let topic, let sequence, _): "\(topic)\(sequence)"
    case .gap(let gap):
      "\(gap.topic)(\(gap.from.map(String.init) ?? "?"),\(gap.to)]@\(gap.position.map(String.init) ?? "?")"
    }
  }
}
