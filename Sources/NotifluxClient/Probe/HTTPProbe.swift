import NIOCore
import NIOHTTP1

/// One request of an ``HTTPProbe``; `Host` and `Content-Length` are added to its fields.
package struct HTTPQuestion: Sendable {
  package var method: String
  /// One of the server's own paths, with its query.
  package var route: String
  package var fields: [(name: String, value: String)]
  package var body: [UInt8]

  package init(_ method: String, _ route: String, _ fields: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.method = method
    self.route = route
    self.fields = fields
    self.body = body
  }
}

/// The head of an answer: all that was said, whoever said it.
package struct HTTPReplyHead: Sendable, Equatable {
  package var status: Int
  /// In their order, names in lower case.
  package var fields: [[String]]
  /// Whether the connection can take another request.
  package var keepsAlive: Bool

  package init(status: Int, fields: [[String]] = [], keepsAlive: Bool = true) {
    self.status = status
    self.fields = fields
    self.keepsAlive = keepsAlive
  }

  /// Every value of a field.
  package func all(_ name: String) -> [String] { fields.filter { $0[0] == name }.map { $0[1] } }
  /// The first value of a field.
  package func first(_ name: String) -> String? { all(name).first }
}

/// What arrives on an ``HTTPProbe``.
package enum HTTPProbeEvent: Sendable, Equatable {
  case head(HTTPReplyHead)
  case part([UInt8])
  case end
  /// Nothing comes any more.
  case closed(ClientError)
}

/// A connection on which requests are sent one after the other, and everything that comes is written down as it comes: for
/// a program that wants to know what stands between it and the server.
package final class HTTPProbe: Sendable {
  package let transcript = Transcript<HTTPProbeEvent>()
  private let endpoint: Endpoint
  private let channel: any Channel

  private init(endpoint: Endpoint, channel: any Channel) {
    self.endpoint = endpoint
    self.channel = channel
  }

  deinit { channel.close(promise: nil) }

  package static func connect(_ connector: Connector) async throws(ClientError) -> HTTPProbe {
    let endpoint = connector.endpoint
    let probe = connector.connect().flatMapThrowing { channel -> HTTPProbe in
      let probe = HTTPProbe(endpoint: endpoint, channel: channel)
      try channel.pipeline.syncOperations.addHTTPClientHandlers()
      try channel.pipeline.syncOperations.addHandler(ProbeHandler(endpoint: endpoint, transcript: probe.transcript))
      return probe
    }
    do { return try await probe.get() } catch { throw ClientError(error, at: endpoint) }
  }

  package func send(_ question: HTTPQuestion) {
    var head = HTTPRequestHead(
      version: .http1_1, method: HTTPMethod(rawValue: question.method), uri: endpoint.path(for: question.route))
    head.headers = ["Host": endpoint.hostHeader, "User-Agent": "notiflux"]
    for (name, value) in question.fields { head.headers.add(name: name, value: value) }
    if !question.body.isEmpty { head.headers.add(name: "Content-Length", value: "\(question.body.count)") }
    channel.write(HTTPClientRequestPart.head(head), promise: nil)
    if !question.body.isEmpty {
      channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(bytes: question.body))), promise: nil)
    }
    channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
  }

  package func close() { channel.close(promise: nil) }

  /// Sends, and waits for the whole answer.
  package func ask(_ question: HTTPQuestion, within limit: Duration) async throws(ClientError) -> HTTPReply {
    let before = transcript.entries.count
    if case .closed(let error)? = transcript.entries.last?.event { throw error }
    let start = ContinuousClock.now
    send(question)
    let reply = await transcript.first(until: start + limit) { HTTPReply.read($0.dropFirst(before), since: start) }
    guard let reply else { throw .timedOut(endpoint, reason: "no complete answer within \(limit.forPeople)") }
    return try reply.get()
  }
}

/// A complete answer.
package struct HTTPReply: Sendable, Equatable {
  package var head: HTTPReplyHead
  package var body: [UInt8]
  /// From the request until the head came.
  package var took: Duration

  package init(head: HTTPReplyHead, body: [UInt8] = [], took: Duration = .zero) {
    self.head = head
    self.body = body
    self.took = took
  }

  /// The beginning of the body on one line, fit for a terminal.
  package var snippet: String { ClientError.line(String(decoding: body.prefix(512), as: UTF8.self), limit: 80) }

  fileprivate static func read(
    _ entries: ArraySlice<Transcript<HTTPProbeEvent>.Entry>, since start: ContinuousClock.Instant
  ) -> Result<HTTPReply, ClientError>? {
    var reply: HTTPReply?
    for entry in entries {
      switch entry.event {
      case .head(let head): reply = HTTPReply(head: head, took: entry.time - start)
      case .part(let bytes): reply?.body += bytes
      case .end: return reply.map { .success($0) }
      case .closed(let error): return .failure(error)
      }
    }
    return nil
  }
}

/// Writes down what comes. Of a body only what ``HTTPAnswer/longestBody`` allows is kept.
private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart

  private let endpoint: Endpoint
  private let transcript: Transcript<HTTPProbeEvent>
  private var room = HTTPAnswer.longestBody
  private var hasClosed = false

  init(endpoint: Endpoint, transcript: Transcript<HTTPProbeEvent>) {
    self.endpoint = endpoint
    self.transcript = transcript
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      room = HTTPAnswer.longestBody
      transcript.append(
        .head(
          HTTPReplyHead(
            status: Int(head.status.code), fields: head.headers.map { [$0.name.lowercased(), $0.value] },
            keepsAlive: head.isKeepAlive)))
    case .body(let part):
      let bytes = [UInt8](part.readableBytesView.prefix(room))
      room -= bytes.count
      if !bytes.isEmpty { transcript.append(.part(bytes)) }
    case .end: transcript.append(.end)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    close((error as? HTTPParserError) == .invalidEOFState ? cutOff : ClientError(error, at: endpoint))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { close(cutOff) }

  private var cutOff: ClientError {
    .unreachable(endpoint, reason: "the connection was closed without a complete answer")
  }

  private func close(_ error: ClientError) {
    guard !hasClosed else { return }
    hasClosed = true
    transcript.append(.closed(error))
  }
}
