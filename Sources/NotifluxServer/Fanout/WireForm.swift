import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// The forms in which subscribers are spoken to.
enum WireForm: UInt8, CaseIterable, Sendable {
  /// WebSocket in text mode: a message is its bare text.
  case text
  /// WebSocket with the subprotocol `notiflux.v1`.
  case envelope
  case serverSentEvents
  case ndjson

  private static let allocator = ByteBufferAllocator()

  /// The bytes of a published message.
  func message(_ text: String, topic: Topic, cursor: Cursor) -> ByteBuffer {
    if case .text = self { return Self.textFrame(text) }
    return bytes(
      ServerEnvelope.message(topic: topic, cursor: cursor, data: text), type: "message", position: cursor)
  }

  /// The bytes of anything else the server says; `nil` where text mode has no word for it. `position` is up to where
  /// everything has been sent before.
  func bytes(_ envelope: ServerEnvelope, position: Cursor) -> ByteBuffer? {
    guard case .text = self else { return bytes(envelope.json, type: envelope.type, position: position) }
    guard case .error(let refusal, let topic?, _) = envelope else { return nil }
    return Self.textFrame(ServerReply.subscribeRefused(topic: topic, reason: refusal.message))
  }

  /// A text as a WebSocket frame.
  static func textFrame(_ text: String) -> ByteBuffer { FrameEncoder.text(text.utf8, allocator: allocator) }

  private func bytes(_ json: [UInt8], type: String, position: Cursor) -> ByteBuffer {
    switch self {
    case .text, .envelope: FrameEncoder.text(json, allocator: Self.allocator)
    case .serverSentEvents: ByteBuffer(bytes: EventStream.serverSentEvents.event(json, type: type, position: position))
    case .ndjson: ByteBuffer(bytes: EventStream.ndjson.event(json, type: type, position: position))
    }
  }
}
