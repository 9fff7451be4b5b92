import Logging
import NIOCore
import NotifluxProtocol

/// One connection while it speaks HTTP/1.1: gathers a request, has its route answer it, and only then looks at the
/// next one. Confined to its worker's loop.
final class HTTPConnection: Connection {
  enum State {
    case idle
    /// The body of ``request`` comes in.
    case receiving
    case responding
    /// The body is published line by line as it comes, and answered meanwhile.
    case batching(BatchRun)
    /// Everything is said; what still comes in is thrown away, so that the answer is not lost to a reset.
    case lingering
    /// Another has taken the transport over, and gets what comes in.
    case handedOver(Connection)
  }

  var state = State.idle
  /// The head of the request under way.
  var request: RequestHead? { if case .idle = state { nil } else { decoder.head } }
  /// `nil` while none is known.
  var route: Route?
  /// When the publish under way was read, by ``WorkerLoop/turnTime``, if it was not accepted at once.
  var began: Double?
  /// Whether who connected is a proxy that is believed.
  private var isBehindProxy = false
  /// Requests so far.
  var requestNumber: UInt32 = 0
  /// What is known from the head already: given once the body has passed by.
  private var failure: HTTPFailure?
  /// Whether a publish is answered in the common form: ``AcceptedAnswers``.
  private(set) var takesCommonAnswer = false
  private var decoder = RequestDecoder()
  /// What is there of a body that did not come in at once.
  private var body: [UInt8] = []
  /// What of ``Services/requestMemory`` is this connection's.
  private var countedBytes = 0
  /// What came in and has to wait while a request is being answered (RFC 9112 §9.3.2): the rest of one read, and what
  /// one more brought.
  private var backlog = ByteBuffer()
  private var isPaused = false
  private var inputHasEnded = false
  private var isWorking = false
  /// The lobby's.
  var lobbyPlace = Lobby.Place()
  /// Whether a head has to be complete by the deadline: the first one, and each that has begun.
  private var isHeadDue = true

  // MARK: Transport

  override func connected() {
    isBehindProxy = worker.configuration.trustedProxies.contains(client)
    worker.schedule(self, at: worker.now + Limits.requestHeadTimeout)
    worker.welcome(self)
  }

  /// Whether nothing is under way but what the client has to go on with.
  var waitsForClient: Bool {
    switch state {
    case .idle, .receiving, .lingering: true
    case .batching(let batch): batch.waitsForLines
    case .responding, .handedOver: false
    }
  }

  override func received(_ bytes: UnsafeRawBufferPointer) {
    guard !isWorking, !isBusy, backlog.readableBytes == 0 else {
      backlog.writeBytes(bytes)
      return pause()
    }
    let used = work(bytes)
    if used < bytes.count { backlog.writeBytes(UnsafeRawBufferPointer(rebasing: bytes[used...])) }
    countMemory()
    settle()
  }

  /// What has come in is still answered (RFC 9112 §9.6).
  override func inputEnded() {
    inputHasEnded = true
    settle()
  }

  override func becameWritable() { goOn() }

  override func disconnected() {
    worker.lobby.leave(self)
    state = .lingering
    backlog = ByteBuffer()
    forget()
    countMemory()
  }

  /// Lets go of what is there of a request that will not be looked at.
  func forget() {
    body = []
    decoder = RequestDecoder()
  }

  /// The request under way is answered.
  func becomeIdle() {
    state = .idle
    decoder.forgetLongHead()
    lobbyPlace.wasUsed = true
    worker.schedule(self, at: worker.now + Limits.keepAliveTimeout)
  }

  private func pause() {
    guard !isPaused else { return }
    isPaused = true
    transport?.pauseReading()
  }

  /// Whether what comes in must wait: who does not read the answers is asked nothing more, so that they stay bounded.
  private var isBusy: Bool {
    switch state {
    case .responding: true
    case .batching(let batch): batch.isFull || batch.hasEnded || transport?.isWritable == false
    case .idle: transport?.isWritable == false
    case .receiving, .lingering, .handedOver: false
    }
  }

  // MARK: Work

  /// What this connection holds of an incomplete request. A request that comes in one read never holds anything.
  private var heldBytes: Int {
    let line = if case .batching(let batch) = state { batch.heldBytes } else { 0 }
    return body.count + decoder.heldBytes + line
  }

  private func countMemory() {
    let more = heldBytes - countedBytes
    guard more != 0 else { return }
    if more < 0 {
      worker.services.requestMemory.give(-more)
    } else if !worker.services.requestMemory.take(more) {
      return giveUp()
    }
    countedBytes += more
  }

  /// There is no memory for the rest of this request.
  private func giveUp() {
    worker.counters.limitsReached[.requestMemory] += 1
    switch state {
    case .idle, .receiving:
      refuse(HTTPFailure(.rateLimited, "the server is busy with too many large requests; try again", closes: true))
    // There is no telling in the middle of an answer.
    case .responding, .batching:
      worker.closes(self, for: .requestMemory, reason: "requests hold more than --max-request-memory")
      transport?.close()
    case .lingering, .handedOver: transport?.close()
    }
    countMemory()
  }

  /// Goes on with what had to wait, unless somebody further up does so anyway.
  func goOn() {
    guard !isWorking else { return }
    if hasWork { workOff() }
    countMemory()
    settle()
  }

  /// A request without a body may still have to end, and who took the transport over to be told.
  private var hasWork: Bool { if case .idle = state { backlog.readableBytes > 0 } else { true } }

  private func workOff() {
    let waiting = backlog
    let used = waiting.withUnsafeReadableBytes { work($0) }
    if used < backlog.readableBytes { backlog.moveReaderIndex(forwardBy: used) } else { backlog = ByteBuffer() }
  }

  /// Takes as many of `bytes` as can be taken now; returns how many that were.
  private func work(_ bytes: UnsafeRawBufferPointer) -> Int {
    isWorking = true
    defer { isWorking = false }
    var input = bytes
    while !isBusy {
      if case .lingering = state { return bytes.count }
      if case .handedOver(let next) = state {
        pass(input, to: next)
        return bytes.count
      }
      do throws(RequestError) {
        guard let event = try decoder.next(&input) else {
          watchHead()
          break
        }
        take(event, remaining: input.count)
      } catch {
        fail(error)
      }
    }
    return bytes.count - input.count
  }

  /// Does what was put off until nothing waits any more.
  private func settle() {
    guard !isWorking, !isBusy, backlog.readableBytes == 0 else { return }
    if inputHasEnded { leave() }
    guard isPaused else { return }
    isPaused = false
    transport?.resumeReading()
  }

  private func pass(_ rest: UnsafeRawBufferPointer, to next: Connection) {
    if !rest.isEmpty { next.received(rest) }
    if isPaused { next.transport?.resumeReading() }
    if inputHasEnded, next.transport != nil { next.inputEnded() }
    disconnected()
  }

  private func take(_ event: RequestDecoder.Event, remaining: Int) {
    switch (state, event) {
    case (.idle, .head(let isNew)): begin(isNew: isNew, remaining: remaining)
    case (.receiving, .body(let bytes)): take(bytes)
    case (.receiving, .end(let bytes)): end(bytes)
    case (.batching(let batch), .body(let bytes)):
      worker.schedule(self, at: worker.now + Limits.requestBodyTimeout)
      batch.feed(bytes)
    case (.batching(let batch), .end(let bytes)):
      if !bytes.isEmpty { batch.feed(bytes) }
      batch.end()
    // The decoder keeps the order of its events, and nothing is taken while a request is answered.
    default: break
    }
  }

  private func fail(_ error: RequestError) {
    switch state {
    case .idle, .receiving: refuse(HTTPFailure(error))
    // There is no telling in the middle of an answer.
    case .responding, .batching:
      worker.closes(self, for: .protocolError, reason: HTTPFailure(error).refusal.message)
      transport?.close()
    case .lingering, .handedOver: break
    }
  }

  /// A head that has begun does not get the time of an idle connection.
  private func watchHead() {
    guard case .idle = state, !isHeadDue, !decoder.isBetweenRequests else { return }
    isHeadDue = true
    worker.schedule(self, at: worker.now + Limits.requestHeadTimeout)
  }

  // MARK: Requests

  /// `remaining` is how many bytes after the head are there already. What is known of a head that is not new holds
  /// still.
  private func begin(isNew: Bool, remaining: Int) {
    isHeadDue = false
    state = .receiving
    requestNumber &+= 1
    if isNew {
      guard let head = decoder.head else { return }
      do throws(HTTPFailure) { try judge(head) } catch { return refuse(error) }
    }
    if case .length(let length)? = decoder.head?.framing, length <= remaining {
      // Complete: no time to watch, nothing to ask for.
    } else if !awaitBody() {
      return
    }
    if failure == nil, route == .broadcast, decoder.head?.isBatch == true { beginBatch() }
  }

  /// Returns whether the request is read on.
  private func awaitBody() -> Bool {
    worker.schedule(self, at: worker.now + Limits.requestBodyTimeout)
    guard let head = decoder.head, head.expectation != nil, head.minorVersion >= 1 else { return true }
    if let failure {  // The body may never come (RFC 9110 §10.1.1).
      refuse(failure)
      return false
    }
    transport?.write(Self.goAhead)
    transport?.flush()
    return true
  }

  /// Finds the route. Throws what is answered at once; what can wait for the body is the ``failure``.
  private func judge(_ head: RequestHead) throws(HTTPFailure) {
    route = nil
    failure = nil
    if isBehindProxy { try findClient(of: head) }
    do throws(HTTPFailure) {
      route = try worker.site.route(for: head)
    } catch {
      failure = error
    }
    try check(head)
    takesCommonAnswer =
      head.minorVersion == 1 && head.isKeepAlive && worker.configuration.allowedOrigins == .unrestricted
  }

  /// From now on the connection counts for whom the proxy names.
  private func findClient(of head: RequestHead) throws(HTTPFailure) {
    guard let transport, let client = worker.configuration.trustedProxies.client(of: head), client != transport.client
    else { return }
    let connections = worker.services.connections
    guard connections.move(from: transport.client, to: client) else {
      worker.counters.limitsReached[.connectionsPerAddress] += 1
      throw HTTPFailure(.rateLimited, connections.addressFull, closes: true)
    }
    transport.client = client
  }

  private static let goAhead = ByteBuffer(string: "\(Status.continue.line)\r\n")

  private func check(_ head: RequestHead) throws(HTTPFailure) {
    guard head.minorVersion == 0 || head.hasHost else {
      throw HTTPFailure(.badRequest, "the Host field must be sent exactly once", closes: true)
    }
    let limit = worker.configuration.maximumMessageSize
    if case .length(let length) = head.framing, length > limit, !head.isBatch {
      throw Self.tooLarge(limit: limit)
    }
    guard let expectation = head.expectation, !expectation.hasBytesIgnoringCase("100-continue") else { return }
    let refusal = Refusal(.badRequest, "the only expectation that can be met is 100-continue")
    throw HTTPFailure(refusal, status: .expectationFailed, closes: true)
  }

  private static func tooLarge(limit: Int) -> HTTPFailure {
    HTTPFailure(
      .tooLarge, "the body has more than \(limit) bytes; the server's --max-message-size sets the limit", closes: true)
  }

  private func take(_ bytes: UnsafeRawBufferPointer) {
    guard failure == nil else { return }
    let limit = worker.configuration.maximumMessageSize
    guard body.count + bytes.count <= limit else { return refuse(Self.tooLarge(limit: limit)) }
    body.append(contentsOf: bytes)
  }

  private func end(_ bytes: UnsafeRawBufferPointer) {
    guard let head = request else { return }
    defer { if !body.isEmpty { body = [] } }
    let limit = worker.configuration.maximumMessageSize
    if let failure { return fail(failure, to: head) }
    guard let route else { return }
    guard body.count + bytes.count <= limit else { return refuse(Self.tooLarge(limit: limit)) }
    guard head.method != .options else { return respond(preflight(route), to: head) }
    guard body.count + bytes.count <= Limits.largeMessage else { return endLarge(bytes, of: head) }
    state = .responding
    if body.isEmpty {
      route.respond(to: head, body: bytes, for: self)
    } else {
      (body + bytes).withUnsafeBytes { route.respond(to: head, body: $0, for: self) }
    }
  }

  /// A body that would hold the loop up is given away, with what is counted for it.
  private func endLarge(_ rest: UnsafeRawBufferPointer, of head: RequestHead) {
    body.append(contentsOf: rest)
    countMemory()
    guard case .receiving = state else { return }  // There was no memory for its rest.
    state = .responding
    guard let route, route == .broadcast else { return route?.respond(to: head, body: rest, for: self) ?? () }
    var whole: [UInt8] = []
    swap(&whole, &body)
    countedBytes -= whole.count
    BroadcastEndpoint.respond(to: head, large: whole, for: self)
  }

  // MARK: Clock

  override func timeOut(now: Int) {
    switch state {
    case .receiving: refuseLate("body", after: Limits.requestBodyTimeout)
    case .idle where isHeadDue: refuseLate("head", after: Limits.requestHeadTimeout)
    case .idle, .lingering, .handedOver: transport?.close()
    case .batching(let batch) where batch.isFull || batch.hasEnded:
      worker.schedule(self, at: now + Limits.requestBodyTimeout)
    case .batching:
      worker.closes(
        self, for: .lateRequest, reason: "nothing came of the body for \(Limits.requestBodyTimeout) s")
      transport?.close()
    case .responding: worker.schedule(self, at: .max)
    }
  }

  private func refuseLate(_ part: String, after seconds: Int) {
    let message = "the request \(part) was not complete after \(seconds) s"
    worker.counters.connectionsClosed[.lateRequest] += 1
    refuse(HTTPFailure(.timeout, message, closes: true))
  }

  override var logData: Logger.Metadata {
    var data = super.logData
    data[LogKey.request] = "\(requestNumber)"
    if let id = request?.requestID { data[LogKey.requestID] = "\(id)" }
    return data
  }

  override func drain(reconnectIn milliseconds: Int) {
    // A request under way is answered first; with the worker draining, that answer is the last.
    if case .idle = state { leave() }
  }
}
