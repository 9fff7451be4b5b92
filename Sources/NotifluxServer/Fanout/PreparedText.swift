import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// The bytes of a long text in the forms of its subscribers, as far as they depend on neither its topic nor its number:
/// made before it is published, so that all that is left to an event loop is to copy them.
final class PreparedText: Sendable {
  /// Of the forms that have nothing but the text in them.
  private let frames: [WireForm: ByteBuffer]
  /// The text as a JSON string, for the other forms.
  private let quoted: [UInt8]?
  /// The same deflated, where that is asked for and makes it smaller.
  private let deflated: [WireForm: ByteBuffer]

  init(_ text: String, for forms: Set<WireForm>) {
    var (frames, deflated): ([WireForm: ByteBuffer], [WireForm: ByteBuffer]) = ([:], [:])
    var quoted: [UInt8]?
    for form in forms.sorted(by: { $0.rawValue < $1.rawValue }) {
      if form.plain == .text {
        let plain = frames[.text] ?? FrameEncoder.text(text)
        frames[.text] = plain
        frames[form] = form.window.map { FrameEncoder.deflated(plain, window: $0) } ?? plain
      } else {
        let string = quoted ?? ServerEnvelope.quoted(text)
        quoted = string
        if let window = form.window { deflated[form] = FrameEncoder.deflatedPart(string, window: window) }
      }
    }
    (self.frames, self.quoted, self.deflated) = (frames, quoted, deflated)
  }

  /// `nil` in forms it was not prepared for.
  func bytes(_ form: WireForm, topic: Topic, cursor: Cursor) -> ByteBuffer? {
    if form.plain == .text { return frames[form] }
    guard let quoted else { return nil }
    let (head, tail) = ServerEnvelope.aroundData(topic: topic, cursor: cursor)
    switch form {
    case .serverSentEvents: return event(.serverSentEvents, head, quoted, tail, position: cursor)
    case .ndjson: return event(.ndjson, head, quoted, tail, position: cursor)
    default: break
    }
    if let part = deflated[form] { return FrameEncoder.deflatedText(head, part, tail) }
    return FrameEncoder.text(head, quoted, tail)
  }

  private func event(
    _ stream: EventStream, _ head: [UInt8], _ quoted: [UInt8], _ tail: [UInt8], position: Cursor
  ) -> ByteBuffer {
    let (opening, closing) = stream.around(type: "message", position: position)
    let parts = [opening, head, quoted, tail, closing]
    var event = ByteBufferAllocator().buffer(capacity: parts.reduce(0) { $0 + $1.count })
    for part in parts { event.writeBytes(part) }
    return event
  }
}
