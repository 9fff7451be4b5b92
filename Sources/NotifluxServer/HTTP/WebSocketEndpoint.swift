import NIOCore
import NotifluxProtocol
import NotifluxWebSocket

/// `GET /ws`: the WebSocket handshake (RFC 6455 §4.2). A session takes the connection over after it.
enum WebSocketEndpoint {
  static func respond(to head: RequestHead, worker: Worker) -> Reply {
    do throws(HTTPFailure) {
      guard !worker.isDraining else {
        throw HTTPFailure(.draining, "the server is shutting down; reconnect in a second")
      }
      let key = try check(head, origins: worker.configuration.allowedOrigins)
      // Unlike the others, these names are told apart by case (RFC 6455 §4.1).
      let speaksEnvelopes = head.list("sec-websocket-protocol").contains { $0.hasBytes(subprotocol) }
      let deflate =
        worker.configuration.allowsCompression
        ? DeflateAgreement(offers: head.list("sec-websocket-extensions")) : nil
      return .upgrade(
        answer(to: key, speaksEnvelopes: speaksEnvelopes, deflate: deflate),
        .webSocket(envelopes: speaksEnvelopes, deflate: deflate?.window))
    } catch {
      return .answer(error.response)
    }
  }

  /// Offered by clients that speak envelopes (RFC 6455 §1.9).
  private static let subprotocol: StaticString = "notiflux.v1"

  private static func answer(
    to key: HandshakeKey, speaksEnvelopes: Bool, deflate: DeflateAgreement?
  ) -> ByteBuffer {
    var buffer = ByteBufferAllocator().buffer(capacity: 256)
    buffer.writeStaticString(Status.switchingProtocols.line)
    buffer.writeStaticString("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ")
    buffer.writeBytes(key.accept)
    if speaksEnvelopes {
      buffer.writeStaticString("\r\nsec-websocket-protocol: ")
      buffer.writeStaticString(subprotocol)
    }
    if let deflate {
      buffer.writeStaticString("\r\nsec-websocket-extensions: ")
      buffer.writeStaticString(deflate.answer)
    }
    buffer.writeStaticString("\r\n\r\n")
    return buffer
  }

  private static func check(_ head: RequestHead, origins: OriginPolicy) throws(HTTPFailure) -> HandshakeKey {
    guard head.list("upgrade").contains(where: { $0.hasBytesIgnoringCase("websocket") }),
      head.list("connection").contains(where: { $0.hasBytesIgnoringCase("upgrade") })
    else { throw upgradeRequired("this is a WebSocket endpoint; connect with ws:// instead of http://") }
    let versions = head.all("sec-websocket-version")
    guard versions.count == 1, versions[0].hasBytes("13") else {
      throw upgradeRequired("only version 13 of the WebSocket protocol is spoken (RFC 6455)")
    }
    let keys = head.all("sec-websocket-key")
    guard head.minorVersion == 1, keys.count == 1, let key = HandshakeKey(keys[0]) else {
      throw HTTPFailure(.badRequest, "Sec-WebSocket-Key must be sent once, in HTTP/1.1, with 16 bytes in base64")
    }
    guard origins.permitsWebSocket(from: head.origin) else {
      let message = "pages of this origin may not connect; the server's --allow-origin names those that may"
      throw HTTPFailure(Refusal(.badRequest, message), status: .forbidden)
    }
    return key
  }

  private static func upgradeRequired(_ message: String) -> HTTPFailure {
    // RFC 9110 §15.5.22 asks for Upgrade, RFC 6455 §4.4 for the versions we speak.
    HTTPFailure(
      Refusal(.badRequest, message), status: .upgradeRequired,
      fields: [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")])
  }
}
