import NIOCore

@testable import NotifluxProtocol
@testable import NotifluxServer
@testable import NotifluxWebSocket

/// What the subscribers of each form get of a published text. The first byte chooses how often the rest is repeated in the
/// text, the second the forms it is prepared for.
enum Messages: FuzzTarget {
  static let name = "messages"

  private static let topic = try? Topic("a \"topic\" é")

  static func run(_ input: [UInt8]) {
    guard let topic else { return require(false, "the topic is one") }
    var choices = Choices(input)
    let (repeats, bits) = (Int(choices.byte() % 32) + 1, choices.byte())
    let text = String(repeating: String(decoding: choices.rest, as: UTF8.self), count: repeats)
    let forms = Set(WireForm.allCases.filter { bits >> $0.rawValue & 1 == 1 })
    let cursor = Cursor(epoch: "e", sequence: UInt64(bits))
    let message = EncodedMessage(text, topic: topic, cursor: cursor)
    let prepared = EncodedMessage(text, topic: topic, cursor: cursor, prepared: PreparedText(text, for: forms))
    for form in WireForm.allCases {
      let bytes = message.bytes(form)
      check(bytes, form, text, topic, cursor)
      let alike = prepared.bytes(form)
      if alike != bytes { check(alike, form, text, topic, cursor) }
      require(alike == bytes || form.window != nil && form.plain == .envelope, "what was prepared cannot be told")
    }
  }

  private static func check(_ bytes: ByteBuffer, _ form: WireForm, _ text: String, _ topic: Topic, _ cursor: Cursor) {
    switch form {
    case .text, .deflatedText, .tightText:
      require(received(bytes).elementsEqual(text.utf8), "a client in text mode gets the text")
    case .envelope, .deflatedEnvelope, .tightEnvelope:
      checkEnvelope(received(bytes), text, topic, cursor)
    case .ndjson:
      let lines = bytes.readableBytesView.split(separator: 10, omittingEmptySubsequences: false)
      require(lines.count == 2 && lines[1].isEmpty, "a message is one line")
      checkEnvelope(lines[0], text, topic, cursor)
    case .serverSentEvents:
      let lines = bytes.readableBytesView.split(separator: 10, omittingEmptySubsequences: false)
      require(lines.count == 4 && lines[2].isEmpty && lines[3].isEmpty, "an event is two lines and an empty one")
      require(lines[0].elementsEqual("id: \(cursor)".utf8), "the first is its id")
      require(lines[1].starts(with: "data: ".utf8), "the second its data")
      checkEnvelope(lines[1].dropFirst(6), text, topic, cursor)
    }
  }

  /// The one text message that a client makes of `frame`.
  private static func received(_ frame: ByteBuffer) -> ByteBufferView {
    var decoder = FrameDecoder(role: .client, maximumMessageLength: 1 << 20, inflates: true)
    decoder.feed(frame)
    guard case .text(let payload)?? = try? decoder.next(), decoder.isIdle else {
      require(false, "a client reads one text message")
      return ByteBufferView(ByteBuffer())
    }
    return payload.readableBytesView
  }

  private static func checkEnvelope(_ json: ByteBufferView, _ text: String, _ topic: Topic, _ cursor: Cursor) {
    guard case .message(topic, cursor, let data)? = json.withUnsafeBytes({ ServerEnvelope(json: $0) }) else {
      return require(false, "an envelope names its topic and number")
    }
    require(data.utf8.elementsEqual(text.utf8), "a client of envelopes gets the text")
  }
}
