import NIOCore
import NotifluxClient

/// The opening handshake of a WebSocket (RFC 6455 §4.1) as one prepared request, and how its answer is judged.
enum SocketHandshake {
  /// What is spoken afterwards.
  enum Mode: String, Sendable { case envelopes, text }

  /// The nonce and its answer that RFC 6455 §1.3 takes for an example. A nonce keeps caches that do not know WebSockets
  /// from answering; a run has thousands of connections, and the same question for all of them costs nothing to judge.
  private static let key = "dGhlIHNhbXBsZSBub25jZQ=="
  private static let acceptance = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
  private static let subprotocol = "notiflux.v1"

  static func request(to endpoint: Endpoint, preferring mode: Mode) -> ByteBuffer {
    ByteBuffer(
      string: "GET \(endpoint.path(for: "/ws")) HTTP/1.1\r\nHost: \(endpoint.hostHeader)\r\nUser-Agent: notiflux\r\n"
        + "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\n"
        + (mode == .envelopes ? "Sec-WebSocket-Protocol: \(subprotocol)\r\n\r\n" : "\r\n"))
  }

  /// What the server agreed to; `nil` when the answer, a `101`, is not that of a WebSocket server.
  static func mode(of answer: ScannedAnswer, preferring mode: Mode) -> Mode? {
    guard answer.field("sec-websocket-accept") == acceptance, answer.field("sec-websocket-extensions") == nil else {
      return nil
    }
    switch answer.field("sec-websocket-protocol") {
    case nil: return .text
    case subprotocol? where mode == .envelopes: return .envelopes
    case _?: return nil
    }
  }
}
