import NIOCore
import NIOHTTP1
import NIOWebSocket
import NotifluxProtocol

/// `GET /ws`: the WebSocket handshake (RFC 6455 §4.2). NIO's upgrader computes the answer; our session takes over after.
enum WebSocketEndpoint {
  static func respond(to request: HTTPRequest, worker: Worker, channel: any Channel) -> HTTPReply {
    do throws(HTTPFailure) {
      guard !worker.isDraining else {
        throw HTTPFailure(.draining, "the server is shutting down; reconnect in a second")
      }
      try check(request, origins: worker.configuration.allowedOrigins)
      let answer = upgrader.buildUpgradeResponse(
        channel: channel, upgradeRequest: request.head, initialResponseHeaders: [:])
      // Unlike the others, these names are told apart by case (RFC 6455 §4.1).
      guard request.head.headers[canonicalForm: "sec-websocket-protocol"].contains(subprotocol) else {
        return .upgrade(answer, .text)
      }
      return .upgrade(answer.map { $0.adding("sec-websocket-protocol", String(subprotocol)) }, .envelope)
    } catch {
      return .now(error.response)
    }
  }

  /// Offered by clients that speak envelopes (RFC 6455 §1.9).
  private static let subprotocol: Substring = "notiflux.v1"

  /// Used for `Sec-WebSocket-Accept` alone (RFC 6455 §4.2.2): its handlers would cost each connection what our session
  /// does better.
  private static let upgrader = NIOWebSocketServerUpgrader(
    shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
    upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })

  private static func check(_ request: HTTPRequest, origins: OriginPolicy) throws(HTTPFailure) {
    let headers = request.head.headers
    guard headers.lists("upgrade", token: "websocket"), headers.lists("connection", token: "upgrade") else {
      throw upgradeRequired("this is a WebSocket endpoint; connect with ws:// instead of http://")
    }
    guard headers["sec-websocket-version"] == ["13"] else {
      throw upgradeRequired("only version 13 of the WebSocket protocol is spoken (RFC 6455)")
    }
    let keys = headers["sec-websocket-key"]
    // 16 bytes in base64 (RFC 6455 §4.1); which bytes makes no difference.
    guard request.head.version == .http1_1, keys.count == 1, keys[0].utf8.count == 24 else {
      throw HTTPFailure(.badRequest, "Sec-WebSocket-Key must be sent once, in HTTP/1.1, with 16 bytes in base64")
    }
    guard origins.permitsWebSocket(from: request.origin) else {
      let message = "pages of this origin may not connect; the server's --allow-origin names those that may"
      throw HTTPFailure(Refusal(.badRequest, message), status: .forbidden)
    }
  }

  private static func upgradeRequired(_ message: String) -> HTTPFailure {
    // RFC 9110 §15.5.22 asks for Upgrade, RFC 6455 §4.4 for the versions we speak.
    HTTPFailure(
      Refusal(.badRequest, message), status: .upgradeRequired,
      headers: [("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13")])
  }
}

extension HTTPHeaders {
  fileprivate func adding(_ name: String, _ value: String) -> HTTPHeaders {
    var headers = self
    headers.add(name: name, value: value)
    return headers
  }

  /// Whether the field's comma-separated values hold `token`, in whatever case.
  fileprivate func lists(_ name: String, token: String) -> Bool {
    self[canonicalForm: name].contains { $0.lowercased() == token }
  }
}
