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
  // The first two with messages deflated (RFC 7692), and the same for clients that ask for a small window.
  case deflatedText
  case deflatedEnvelope
  case tightText
  case tightEnvelope

  /// Of a WebSocket that agreed on `permessage-deflate` or did not.
  static func webSocket(envelopes: Bool, deflate: DeflateWindow?) -> WireForm {
    switch deflate {
    case nil: envelopes ? .envelope : .text
    case .full: envelopes ? .deflatedEnvelope : .deflatedText
    case .small: envelopes ? .tightEnvelope : .tightText
    }
  }

  /// The same without deflating.
  var plain: WireForm {
    switch self {
    case .text, .deflatedText, .tightText: .text
    case .envelope, .deflatedEnvelope, .tightEnvelope: .envelope
    case .serverSentEvents, .ndjson: self
    }
  }

  /// What messages are deflated with.
  var window: DeflateWindow? {
    switch self {
    case .text, .envelope, .serverSentEvents, .ndjson: nil
    case .deflatedText, .deflatedEnvelope: .full
    case .tightText, .tightEnvelope: .small
    }
  }

  /// The bytes of a published message for one subscriber, never deflated: that is for what is shared.
  func message(_ text: String, topic: Topic, cursor: Cursor) -> ByteBuffer {
    if case .text = plain { return FrameEncoder.text(text) }
    return bytes(
      ServerEnvelope.message(topic: topic, cursor: cursor, data: text), type: "message", position: cursor)
  }

  /// The bytes of anything else the server says; `nil` where text mode has no word for it. `position` is up to where
  /// everything has been sent before.
  func bytes(_ envelope: ServerEnvelope, position: Cursor) -> ByteBuffer? {
    guard case .text = plain else { return bytes(envelope.json, type: envelope.type, position: position) }
    guard case .error(let refusal, let topic?, _) = envelope else { return nil }
    return FrameEncoder.text(ServerReply.subscribeRefused(topic: topic, reason: refusal.message))
  }

  private func bytes(_ json: [UInt8], type: String, position: Cursor) -> ByteBuffer {
    switch plain {
    case .serverSentEvents: ByteBuffer(bytes: EventStream.serverSentEvents.event(json, type: type, position: position))
    case .ndjson: ByteBuffer(bytes: EventStream.ndjson.event(json, type: type, position: position))
    default: FrameEncoder.text(json)
    }
  }
}
