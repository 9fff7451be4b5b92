import NIOCore
import NotifluxProtocol
import Synchronization

/// One accepted message on its way to live subscribers: its bytes in each form are made when the first subscriber asks
/// for them, and shared by all. Two event loops that ask at the same moment may both make them; one result is kept.
final class EncodedMessage: Sendable {
  let topic: Topic
  let cursor: Cursor
  private let text: PublishedText
  private let envelope = AtomicLazyReference<Encoded>()
  private let event = AtomicLazyReference<Encoded>()
  private let line = AtomicLazyReference<Encoded>()

  init(_ text: PublishedText, topic: Topic, cursor: Cursor) {
    self.text = text
    self.topic = topic
    self.cursor = cursor
  }

  func bytes(_ form: WireForm) -> ByteBuffer {
    switch form {
    case .text: text.frame
    case .envelope: Encoded.once(envelope) { form.message(text.text, topic: topic, cursor: cursor) }
    case .serverSentEvents: Encoded.once(event) { form.message(text.text, topic: topic, cursor: cursor) }
    case .ndjson: Encoded.once(line) { form.message(text.text, topic: topic, cursor: cursor) }
    }
  }
}

/// A published text, with its text-mode frame once somebody needs it; shared by all topics it was published to.
final class PublishedText: Sendable {
  let text: String
  private let encoded = AtomicLazyReference<Encoded>()

  init(_ text: String) { self.text = text }

  var frame: ByteBuffer { Encoded.once(encoded) { WireForm.textFrame(text) } }
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

/// What the log keeps of a message: the text alone, since encoded forms would cost several times that.
struct RetainedText: LogPayload, Sendable {
  let text: String

  var byteCount: Int { text.utf8.count }
}
