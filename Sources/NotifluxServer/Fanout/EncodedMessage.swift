import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Synchronization

/// One accepted message on its way to live subscribers: its bytes in each form are made when the first subscriber asks
/// for them, and shared by all. Two event loops that ask at the same moment may both make them; one result is kept.
final class EncodedMessage: Sendable {
  let topic: Topic
  let cursor: Cursor
  private let text: String
  /// Published together with this one, to another topic: their frames in text mode are the same.
  private let twin: EncodedMessage?
  private let frame = AtomicLazyReference<Encoded>()
  private let envelope = AtomicLazyReference<Encoded>()
  private let event = AtomicLazyReference<Encoded>()
  private let line = AtomicLazyReference<Encoded>()
  private let deflated = AtomicLazyReference<Deflated>()

  /// `twin` has the same text.
  init(_ text: String, topic: Topic, cursor: Cursor, sameTextAs twin: EncodedMessage? = nil) {
    self.text = text
    self.topic = topic
    self.cursor = cursor
    self.twin = twin
  }

  func bytes(_ form: WireForm) -> ByteBuffer {
    switch form {
    case .text: twin?.bytes(form) ?? Encoded.once(frame) { WireForm.textFrame(text) }
    case .envelope: Encoded.once(envelope) { form.message(text, topic: topic, cursor: cursor) }
    case .serverSentEvents: Encoded.once(event) { form.message(text, topic: topic, cursor: cursor) }
    case .ndjson: Encoded.once(line) { form.message(text, topic: topic, cursor: cursor) }
    case .deflatedText, .tightText: twin?.bytes(form) ?? deflated(form)
    case .deflatedEnvelope, .tightEnvelope: deflated(form)
    }
  }

  private func deflated(_ form: WireForm) -> ByteBuffer {
    let deflated = deflated.load() ?? deflated.storeIfNil(Deflated())
    return deflated.bytes(form, of: self)
  }
}

/// Bytes that were made.
private final class Encoded: Sendable {
  let bytes: ByteBuffer

  init(_ bytes: ByteBuffer) { self.bytes = bytes }

  static func once(_ reference: borrowing AtomicLazyReference<Encoded>, _ make: () -> ByteBuffer) -> ByteBuffer {
    if let made = reference.load() { return made.bytes }
    return reference.storeIfNil(Encoded(make())).bytes
  }
}

/// A message's deflated frames: few messages have any.
private final class Deflated: Sendable {
  private let text = AtomicLazyReference<Encoded>()
  private let envelope = AtomicLazyReference<Encoded>()
  private let tightText = AtomicLazyReference<Encoded>()
  private let tightEnvelope = AtomicLazyReference<Encoded>()

  func bytes(_ form: WireForm, of message: EncodedMessage) -> ByteBuffer {
    let plain = message.bytes(form.plain)
    guard let window = form.window else { return plain }
    func make() -> ByteBuffer { FrameEncoder.deflated(plain, window: window) }
    return switch (window, form.plain) {
    case (.full, .text): Encoded.once(text, make)
    case (.full, _): Encoded.once(envelope, make)
    case (.small, .text): Encoded.once(tightText, make)
    case (.small, _): Encoded.once(tightEnvelope, make)
    }
  }
}

/// What the log keeps of a message: the text alone, since encoded forms would cost several times that.
struct RetainedText: LogPayload, Sendable {
  let text: String

  var byteCount: Int { text.utf8.count }
}
