import Logging
import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// One connection while it speaks HTTP/1.1: gathers a request, has its route answer it, and only then looks at the
/// next one. Confined to its event loop.
final class HTTPConnectionHandler: Connection, ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundIn = Never
  typealias OutboundOut = HTTPServerResponsePart

  enum State {
    case idle
    /// A refusal is known from the head already, and is given once the body has passed by.
    case receiving(HTTPRequest, Result<Route, HTTPFailure>)
    case responding(HTTPRequestHead)
    /// The body is published line by line as it comes, and answered meanwhile.
    case batching(BatchRun, HTTPRequestHead)
    /// Everything is said; what still comes in is thrown away, so that the answer is not lost to a reset.
    case lingering
    /// Other handlers have taken the connection over.
    case upgraded
  }

  let worker: Worker
  /// Takes the HTTP codec out of the pipeline, and puts another handler in.
  let handOver: (ChannelHandlerContext, any ChannelHandler) throws -> Void
  var context: ChannelHandlerContext?
  var state = State.idle
  /// Parts that were decoded while a request is being answered (RFC 9112 §9.3.2).
  var backlog = CircularBuffer<HTTPServerRequestPart>(initialCapacity: 1)
  var owesRead = false
  /// No request has come yet.
  private var isFresh = true

  init(worker: Worker, handOver: @escaping (ChannelHandlerContext, any ChannelHandler) throws -> Void) {
    self.worker = worker
    self.handOver = handOver
  }

  // MARK: Socket

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    worker.schedule(self, at: worker.now + Limits.requestHeadTimeout)
  }

  func handlerRemoved(context: ChannelHandlerContext) { leave() }

  func channelInactive(context: ChannelHandlerContext) {
    leave()
    context.fireChannelInactive()
  }

  private func leave() {
    guard context != nil else { return }
    context = nil
    backlog.removeAll()
    worker.remove(self)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    backlog.append(unwrapInboundIn(data))
    work(context)
  }

  /// Reading waits while a request is being answered: a client that does not wait for answers is not read further than
  /// one buffer.
  func read(context: ChannelHandlerContext) {
    if isBusy { owesRead = true } else { context.read() }
  }

  /// Whether what comes in must wait.
  var isBusy: Bool {
    switch state {
    case .responding: true
    case .batching(let batch, _): batch.isFull || context?.channel.isWritable == false
    case .idle, .receiving, .lingering, .upgraded: false
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if case .batching = state { resume(context) }
    context.fireChannelWritabilityChanged()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard let error = error as? HTTPParserError else {
      worker.services.logger.debug("connection failed", metadata: [LogKey.reason: "\(error)"])
      return context.close(promise: nil)
    }
    switch state {
    case .lingering, .upgraded: return
    case .batching: context.close(promise: nil)
    case .responding: state = .lingering  // The answer under way is the last; what follows it cannot be understood.
    case .idle, .receiving: refuse(Self.failure(for: error), context: context)
    }
  }

  private static func failure(for error: HTTPParserError) -> HTTPFailure {
    if error == .headerOverflow {
      let message = "the request head has more than \(Limits.requestHead / 1024) KiB"
      return HTTPFailure(Refusal(.tooLarge, message), status: .requestHeaderFieldsTooLarge, closes: true)
    }
    return HTTPFailure(.badRequest, "this is not a request by RFC 9112: \(error)", closes: true)
  }

  // MARK: Requests

  func work(_ context: ChannelHandlerContext) {
    while !backlog.isEmpty {
      if isBusy { return }
      if case .upgraded = state { return }
      take(backlog.removeFirst(), context: context)
    }
  }

  private func take(_ part: HTTPServerRequestPart, context: ChannelHandlerContext) {
    switch (state, part) {
    case (.idle, .head(let head)): begin(head, context: context)
    case (.receiving, .body(let bytes)): take(bytes, context: context)
    case (.batching(let batch, _), .body(let bytes)):
      worker.schedule(self, at: worker.now + Limits.requestBodyTimeout)
      batch.feed(bytes)
    case (.batching(let batch, _), .end): batch.end()
    case (.receiving(let request, let route), .end): end(request, route: route, context: context)
    // What lingering throws away; the rest cannot be, since the decoder keeps the order of parts.
    default: break
    }
  }

  private func begin(_ head: HTTPRequestHead, context: ChannelHandlerContext) {
    isFresh = false
    let request = HTTPRequest(head: head)
    let limit = worker.configuration.maximumMessageSize
    do throws(HTTPFailure) {
      guard head.version.minor == 0 || head.headers["host"].count == 1 else {
        throw HTTPFailure(.badRequest, "the Host field must be sent exactly once", closes: true)
      }
      if let length = head.headers.first(name: "content-length").flatMap(Int.init), length > limit,
        !BroadcastEndpoint.isBatch(request)
      {
        throw Self.tooLarge(limit: limit)
      }
      try Self.checkExpectation(head)
    } catch {
      return refuse(error, context: context)
    }
    let route = Result { () throws(HTTPFailure) -> Route in try Route.find(for: request) }
    state = .receiving(request, route)
    worker.schedule(self, at: worker.now + Limits.requestBodyTimeout)
    if head.headers.contains(name: "expect"), head.version.minor >= 1 {
      if case .failure(var failure) = route {
        failure.closesConnection = true  // Whether the body still comes is the client's choice (RFC 9110 §10.1.1).
        return refuse(failure, context: context)
      }
      let head = HTTPResponseHead(version: .http1_1, status: .continue)
      context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
    }
    if case .success(.broadcast) = route, BroadcastEndpoint.isBatch(request) { beginBatch(request, context: context) }
  }

  private static func checkExpectation(_ head: HTTPRequestHead) throws(HTTPFailure) {
    guard let expectation = head.headers.first(name: "expect"), expectation.lowercased() != "100-continue" else {
      return
    }
    let refusal = Refusal(.badRequest, "the only expectation that can be met is 100-continue")
    throw HTTPFailure(refusal, status: .expectationFailed, closes: true)
  }

  private static func tooLarge(limit: Int) -> HTTPFailure {
    HTTPFailure(
      .tooLarge, "the body has more than \(limit) bytes; the server's --max-message-size sets the limit", closes: true)
  }

  private func take(_ bytes: ByteBuffer, context: ChannelHandlerContext) {
    guard case .receiving(var request, let route) = state else { return }
    guard case .success = route else { return }
    let limit = worker.configuration.maximumMessageSize
    guard request.body.readableBytes + bytes.readableBytes <= limit else {
      return refuse(Self.tooLarge(limit: limit), context: context)
    }
    state = .idle  // So that `request.body` is uniquely referenced and grows in place.
    if request.body.readableBytes == 0 { request.body = bytes } else { request.body.writeImmutableBuffer(bytes) }
    state = .receiving(request, route)
  }

  private func end(_ request: HTTPRequest, route: Result<Route, HTTPFailure>, context: ChannelHandlerContext) {
    state = .responding(request.head)
    worker.schedule(self, at: .max)
    switch route {
    case .failure(let failure): respond(failure.response, to: request.head, context: context)
    case .success(let route) where request.head.method == .OPTIONS:
      respond(preflight(route), to: request.head, context: context)
    case .success(let route):
      switch route.respond(to: request, worker: worker, channel: context.channel) {
      case .now(let response): respond(response, to: request.head, context: context)
      case .later(let response): answer(with: response, to: request.head)
      case .upgrade(let headers, let mode): upgrade(headers, mode, context: context)
      case .stream(let events): stream(events, context: context)
      }
    }
  }

  private func answer(with future: EventLoopFuture<HTTPResponse>, to head: HTTPRequestHead) {
    future.assumeIsolated().whenComplete { result in
      guard let context = self.context else { return }
      switch result {
      case .success(let response): self.respond(response, to: head, context: context)
      case .failure: self.respond(HTTPFailure(.internal, "the server failed").response, to: head, context: context)
      }
      self.work(context)
    }
  }

  /// What a browser asks before it lets a page of another origin send a request (Fetch standard §3.2.2).
  private func preflight(_ route: Route) -> HTTPResponse {
    var response = HTTPResponse(status: .noContent, headers: [("allow", route.allow)])
    guard worker.configuration.allowedOrigins != .unrestricted else { return response }
    response.headers += [
      ("access-control-allow-methods", route.allow),
      ("access-control-allow-headers", "authorization, content-type, last-event-id"),
      ("access-control-max-age", "86400"),
    ]
    return response
  }

  // MARK: Clock

  override func timeOut(now: Int) {
    guard let context else { return }
    switch state {
    case .receiving: refuseLate("body", after: Limits.requestBodyTimeout, context: context)
    case .idle where isFresh: refuseLate("head", after: Limits.requestHeadTimeout, context: context)
    case .idle, .lingering: context.close(promise: nil)
    case .batching(let batch, _) where batch.isFull:
      worker.schedule(self, at: now + Limits.requestBodyTimeout)
    case .batching: context.close(promise: nil)
    case .responding, .upgraded: worker.schedule(self, at: .max)
    }
  }

  private func refuseLate(_ part: String, after seconds: Int, context: ChannelHandlerContext) {
    let message = "the request \(part) was not complete after \(seconds) s"
    refuse(HTTPFailure(.timeout, message, closes: true), context: context)
  }

  override func drain(reconnectIn milliseconds: Int) {
    guard let context else { return }
    // A request under way is answered first; with the worker draining, that answer is the last.
    if case .idle = state { context.close(promise: nil) }
  }
}

@available(*, unavailable)
extension HTTPConnectionHandler: Sendable {}
