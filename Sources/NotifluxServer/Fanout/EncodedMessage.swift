import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// One accepted message on its way to live subscribers: its bytes in each form are made when the first subscriber asks
/// for them, and shared by all, whatever their event loop.
final class EncodedMessage: Sendable {
  let topic: Topic
  let cursor: Cursor
  /// Seconds of a clock that never goes back.
  let accepted: Double
  private let text: String
  /// What was made of a long text before.
  private let prepared: PreparedText?
  /// Published together with this one, to another topic: their frames in text mode are the same.
  private let twin: EncodedMessage?
  private let textFrame = SharedBytes()
  private let envelopeFrame = SharedBytes()
  private let event = SharedBytes()
  private let line = SharedBytes()
  private let deflatedText = SharedBytes()
  private let deflatedEnvelope = SharedBytes()
  private let tightText = SharedBytes()
  private let tightEnvelope = SharedBytes()

  /// `prepared` and `twin` are of the same text.
  init(
    _ text: String, topic: Topic, cursor: Cursor, accepted: Double = 0, prepared: PreparedText? = nil,
    sameTextAs twin: EncodedMessage? = nil
  ) {
    self.text = text
    self.accepted = accepted
    self.prepared = prepared
    self.topic = topic
    self.cursor = cursor
    self.twin = twin
  }

  func bytes(_ form: WireForm) -> ByteBuffer {
    switch form {
    case .text: twin?.bytes(form) ?? textFrame.bytes { encoded(form) }
    case .envelope: envelopeFrame.bytes { encoded(form) }
    case .serverSentEvents: event.bytes { encoded(form) }
    case .ndjson: line.bytes { encoded(form) }
    case .deflatedText: twin?.bytes(form) ?? deflatedText.bytes { encoded(form) }
    case .tightText: twin?.bytes(form) ?? tightText.bytes { encoded(form) }
    case .deflatedEnvelope: deflatedEnvelope.bytes { encoded(form) }
    case .tightEnvelope: tightEnvelope.bytes { encoded(form) }
    }
  }

  private func encoded(_ form: WireForm) -> ByteBuffer {
    if let prepared, let bytes = prepared.bytes(form, topic: topic, cursor: cursor) { return bytes }
    guard let window = form.window else { return form.message(text, topic: topic, cursor: cursor) }
    return FrameEncoder.deflated(bytes(form.plain), window: window)
  }
}

/// What the log keeps of a message: the text alone, since encoded forms would cost several times that.
struct RetainedText: LogPayload, Sendable {
  let text: String

  var byteCount: Int { text.utf8.count }
}
