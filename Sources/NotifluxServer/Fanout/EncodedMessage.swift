import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// One accepted message on its way to live subscribers: its bytes in each form are made when the first subscriber asks
/// for them, and shared by all, whatever their event loop.
final class EncodedMessage: Sendable {
  let topic: Topic
  let cursor: Cursor
  private let text: String
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

  /// `twin` has the same text.
  init(_ text: String, topic: Topic, cursor: Cursor, sameTextAs twin: EncodedMessage? = nil) {
    self.text = text
    self.topic = topic
    self.cursor = cursor
    self.twin = twin
  }

  func bytes(_ form: WireForm) -> ByteBuffer {
    switch form {
    case .text: twin?.bytes(form) ?? textFrame.bytes { FrameEncoder.text(text) }
    case .envelope: envelopeFrame.bytes { encoded(form) }
    case .serverSentEvents: event.bytes { encoded(form) }
    case .ndjson: line.bytes { encoded(form) }
    case .deflatedText: twin?.bytes(form) ?? deflatedText.bytes { deflated(.text, .full) }
    case .tightText: twin?.bytes(form) ?? tightText.bytes { deflated(.text, .small) }
    case .deflatedEnvelope: deflatedEnvelope.bytes { deflated(.envelope, .full) }
    case .tightEnvelope: tightEnvelope.bytes { deflated(.envelope, .small) }
    }
  }

  private func encoded(_ form: WireForm) -> ByteBuffer { form.message(text, topic: topic, cursor: cursor) }

  private func deflated(_ form: WireForm, _ window: DeflateWindow) -> ByteBuffer {
    FrameEncoder.deflated(bytes(form), window: window)
  }
}

/// What the log keeps of a message: the text alone, since encoded forms would cost several times that.
struct RetainedText: LogPayload, Sendable {
  let text: String

  var byteCount: Int { text.utf8.count }
}
