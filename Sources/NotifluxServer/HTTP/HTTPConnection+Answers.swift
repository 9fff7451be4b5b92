import NIOCore
import NotifluxProtocol

/// How a connection answers, and what becomes of it then.
extension HTTPConnection {
  /// Answers a request that is not read to its end, and closes.
  func refuse(_ failure: HTTPFailure) {
    // One whose head is not understood: it is counted here, and nobody knows what it was for.
    if case .idle = state {
      requestNumber &+= 1
      route = nil
    }
    var failure = failure
    failure.closesConnection = true
    fail(failure, to: request)
  }

  /// Answers a request that was given up before an endpoint saw it.
  func fail(_ failure: HTTPFailure, to head: RequestHead?) {
    worker.refused(failure, of: self, isPublish: route == .broadcast && head?.method == .post)
    respond(failure.response, to: head)
  }

  /// Takes what an endpoint makes of the request, when it does; the client may have gone meanwhile.
  func reply(_ reply: Reply) {
    guard let transport, case .responding = state, let head = request else { return }
    switch reply {
    case .answer(let response): respond(response, to: head)
    case .upgrade(let bytes, let form):
      count(.switchingProtocols)
      transport.write(bytes)
      transport.flush()
      handOver(transport, to: SessionConnection(worker: worker, form: form))
    case .stream(let events, let names):
      count(.ok)
      let bytes = encode(EventsEndpoint.head(of: events.stream), to: head, closes: true)
      handOver(
        transport,
        to: EventStreamConnection(
          worker: worker, head: Array(bytes.readableBytesView), request: events, openedBy: names))
    }
    goOn()
  }

  private func handOver(_ transport: any Transport, to next: Connection) {
    worker.lobby.leave(self)
    state = .handedOver(next)
    next.takeOver(transport)
  }

  /// `head` is `nil` where the request was not understood so far.
  func respond(_ response: HTTPResponse, to head: RequestHead?) {
    let closes = response.closesConnection || worker.isDraining || head?.isKeepAlive == false
    count(response.status)
    transport?.write(encode(response, to: head, closes: closes))
    transport?.flush()
    if closes { linger() } else { becomeIdle() }
  }

  private func count(_ status: Status) {
    if status == .contentTooLarge { worker.counters.limitsReached[.messageSize] += 1 }
    worker.counters.answered(Counters.Answer(route: route, status: status))
    began = nil
  }

  func encode(_ response: HTTPResponse, to head: RequestHead?, closes: Bool) -> ByteBuffer {
    response.encoded(
      for: head, closes: closes, date: worker.date, origins: worker.configuration.allowedOrigins)
  }

  func linger() {
    state = .lingering
    forget()
    worker.schedule(self, at: worker.now + Limits.closeTimeout)
    transport?.finishOutput()
  }

  /// Closes, but not under answers that the socket has not taken yet.
  func leave() {
    guard let transport else { return }
    transport.flushNow()
    guard transport.unsentBytes > 0 else { return transport.close() }
    if case .lingering = state { return }
    linger()
  }

  /// What a browser asks before it lets a page of another origin send a request (Fetch standard §3.2.2).
  func preflight(_ route: Route) -> HTTPResponse {
    var response = HTTPResponse(status: .noContent, fields: [("allow", route.allow)])
    guard worker.configuration.allowedOrigins != .unrestricted else { return response }
    response.fields += [
      ("access-control-allow-methods", route.allow),
      ("access-control-allow-headers", "authorization, content-type, last-event-id"),
      ("access-control-max-age", "86400"),
    ]
    return response
  }
}

extension HTTPConnection: Publishing {
  func wasPublished(_ cursor: Cursor, accepted: Double) {
    worker.answeredPublishes.append(began ?? accepted)
    began = nil
    guard takesCommonAnswer, !worker.isDraining else { return reply(.answer(.accepted(cursor))) }
    guard let transport, case .responding = state else { return }
    worker.counters.commonAnswers += 1
    transport.write(worker.acceptedAnswers.answer(cursor))
    transport.flush()
    becomeIdle()
    goOn()
  }
}

extension HTTPFailure {
  init(_ error: RequestError) {
    switch error {
    case .lineTooLong:
      let message = "the request line has more than \(Limits.requestHead / 1024) KiB"
      self.init(Refusal(.tooLarge, message), status: .uriTooLong, closes: true)
    case .headTooLarge:
      let message = "the request head has more than \(Limits.requestHead / 1024) KiB"
      self.init(Refusal(.tooLarge, message), status: .requestHeaderFieldsTooLarge, closes: true)
    case .malformed(let reason):
      self.init(.badRequest, "this is not a request by RFC 9112: \(reason)", closes: true)
    }
  }
}
