import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Why there is no WebSocket.
package struct HandshakeFailure: Error, Sendable, Equatable {
  package var error: ClientError
  /// What the server asks to wait before the next attempt.
  var retryAfter: Duration?
}

/// What is spoken on a WebSocket.
package enum LinkMode: Sendable, Equatable {
  /// The protocol of notiflux 0.2, where no subprotocol was agreed on.
  case text
  /// `notiflux.v1`.
  case envelope

  /// The name under which envelope mode is offered (RFC 6455 §1.9).
  static let subprotocol = "notiflux.v1"
}

/// Sends the opening handshake (RFC 6455 §4.1) and waits for what comes of it. The handler's place is after NIO's HTTP
/// handlers; it leaves with them once the connection is a WebSocket.
final class HandshakeHandler: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let endpoint: Endpoint
  private let configuration: ClientConfiguration
  /// Of several outcomes the first counts.
  private let result: EventLoopPromise<LinkMode>
  private var answer: HTTPAnswer?
  private var timer: Scheduled<Void>?

  init(endpoint: Endpoint, configuration: ClientConfiguration, result: EventLoopPromise<LinkMode>) {
    self.endpoint = endpoint
    self.configuration = configuration
    self.result = result
  }

  func handlerAdded(context: ChannelHandlerContext) {
    var head = HTTPRequestHead(version: .http1_1, method: .GET, uri: endpoint.path(for: configuration.webSocketRoute))
    head.headers = ["Host": endpoint.hostHeader, "User-Agent": "notiflux"]
    for (name, value) in configuration.handshakeFields { head.headers.add(name: name, value: value) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    let limit = configuration.connectTimeout
    timer = context.eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(limit)) {
      let limit = limit.forPeople
      self.fail(.timedOut(self.endpoint, reason: "no answer to the WebSocket handshake within \(limit)"), context)
    }
  }

  func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

  /// Only an answer that is no upgrade comes here.
  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): answer = HTTPAnswer(head)
    case .body(let part): answer?.append(part)
    case .end:
      guard let answer else { return }
      switch Verdict(answer, from: endpoint) {
      case .failed(let error): fail(error, context)
      case .temporary(let error, let retryAfter, _): fail(error, retryAfter: retryAfter, context)
      case .accepted: fail(.unexpectedAnswer(endpoint, status: answer.status, snippet: answer.snippet), context)
      }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if error is NIOHTTPClientUpgradeError {
      let reason = "the handshake's answer is not that of a WebSocket server (RFC 6455 §4.1)"
      fail(.unexpectedAnswer(endpoint, status: 101, snippet: reason), context)
    } else {
      fail(ClientError(error, at: endpoint), context)
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    let reason = "the server closed the connection during the WebSocket handshake"
    fail(.unreachable(endpoint, reason: reason), context)
  }

  private func fail(_ error: ClientError, retryAfter: Duration? = nil, _ context: ChannelHandlerContext) {
    result.fail(HandshakeFailure(error: error, retryAfter: retryAfter))
    context.close(promise: nil)
  }
}

/// NIO's upgrader with two differences: it takes none of NIO's frame handlers but ours, and it refuses an answer that
/// names an extension or subprotocol we did not offer (RFC 6455 §4.1).
final class FrameUpgrader: NIOHTTPClientProtocolUpgrader {
  private let base = NIOWebSocketClientUpgrader { channel, _ in channel.eventLoop.makeSucceededVoidFuture() }
  private let offersEnvelopes: Bool
  private let handshake: HandshakeHandler
  private let frames: FrameHandler
  private let result: EventLoopPromise<LinkMode>

  init(
    offering offersEnvelopes: Bool, handshake: HandshakeHandler, frames: FrameHandler,
    result: EventLoopPromise<LinkMode>
  ) {
    self.offersEnvelopes = offersEnvelopes
    self.handshake = handshake
    self.frames = frames
    self.result = result
  }

  var supportedProtocol: String { base.supportedProtocol }
  var requiredUpgradeHeaders: [String] { base.requiredUpgradeHeaders }

  func addCustom(upgradeRequestHeaders: inout HTTPHeaders) {
    base.addCustom(upgradeRequestHeaders: &upgradeRequestHeaders)
    if offersEnvelopes { upgradeRequestHeaders.add(name: Self.subprotocolField, value: LinkMode.subprotocol) }
  }

  func shouldAllowUpgrade(upgradeResponse: HTTPResponseHead) -> Bool {
    base.shouldAllowUpgrade(upgradeResponse: upgradeResponse)
      && !upgradeResponse.headers.contains(name: "Sec-WebSocket-Extensions")
      && mode(upgradeResponse) != nil
  }

  private static let subprotocolField = "Sec-WebSocket-Protocol"

  /// `nil` for a subprotocol that was not offered, or several.
  private func mode(_ response: HTTPResponseHead) -> LinkMode? {
    let fields = response.headers[Self.subprotocolField]
    if fields.isEmpty { return .text }
    return offersEnvelopes && fields == [LinkMode.subprotocol] ? .envelope : nil
  }

  func upgrade(context: ChannelHandlerContext, upgradeResponse: HTTPResponseHead) -> EventLoopFuture<Void> {
    context.eventLoop.makeCompletedFuture {
      try context.pipeline.syncOperations.addHandler(frames)
      context.pipeline.syncOperations.removeHandler(handshake, promise: nil)
      result.succeed(mode(upgradeResponse) ?? .text)
    }
  }
}
