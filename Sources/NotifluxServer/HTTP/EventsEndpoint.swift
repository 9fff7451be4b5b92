import NotifluxJWT
import NotifluxProtocol

/// What `GET /events` asks for.
struct EventsRequest: Sendable {
  var topics: [Topic]
  var token: String?
  var since: Cursor?
  var stream: EventStream
  /// A `HEAD` request: the answer's head, and nothing more.
  var wantsHeadOnly: Bool

  /// Reads query and header fields; throws what is wrong with them.
  init(_ head: RequestHead) throws(Refusal) {
    let query = try Query(head.query)
    var topics: [Topic] = []
    for name in query["topic"] {
      let topic = try Topic(name)
      if !topics.contains(topic) { topics.append(topic) }
    }
    guard !topics.isEmpty else { throw Refusal(.badRequest, "name a topic: /events?topic=news") }
    self.topics = topics
    wantsHeadOnly = head.method == .head
    token = head.bearerToken ?? query["token"].first
    // A browser reconnects with the old URL, so its header is the newer place.
    let places = [head.text("last-event-id"), query["since"].last]
    if let place = places.compactMap({ $0 }).first(where: { !$0.isEmpty }) { since = try Cursor(place) }
    stream = Self.stream(accept: head.list("accept"))
  }

  private static func stream(accept: [ArraySlice<UInt8>]) -> EventStream {
    let types = accept.map { $0.prefix { $0 != UInt8(ascii: ";") }.trimmed }
    let ndjson = types.contains { $0.hasBytesIgnoringCase("application/x-ndjson") }
    let events = types.contains { $0.hasBytesIgnoringCase("text/event-stream") }
    return ndjson && !events ? .ndjson : .serverSentEvents
  }
}

/// `GET /events`: messages as a stream over plain HTTP.
enum EventsEndpoint {
  static func respond(to head: RequestHead, for connection: HTTPConnection) {
    let worker = connection.worker
    do throws(Refusal) {
      guard !worker.isDraining else {
        throw Refusal(.draining, "the server is shutting down; reconnect in a second")
      }
      let events = try EventsRequest(head)
      let limit = worker.configuration.maximumSubscriptions
      guard events.topics.count <= limit else {
        throw Refusal(.tooManySubscriptions, "a connection may hold \(limit) topics; name fewer")
      }
      worker.services.authorizer.authorize(events.token, scope: .subscribe, topics: events.topics, by: connection)
        .settle(on: worker.loop) { result in
          switch result {
          case .success(let names): connection.reply(.stream(events, openedBy: names))
          case .failure(let refusal): refuse(refusal, connection)
          }
        }
    } catch {
      refuse(error, connection)
    }
  }

  private static func refuse(_ refusal: Refusal, _ connection: HTTPConnection) {
    connection.worker.refused(.subscribe, refusal, of: connection)
    connection.reply(.refusal(refusal))
  }

  /// The head of the stream, as `HEAD` and `GET` get it. Caches and proxies must not hold events back. The stream ends
  /// with the connection (RFC 9112 §6.3), so that all streams can share the bytes of an event.
  static func head(of stream: EventStream) -> HTTPResponse {
    HTTPResponse(
      status: .ok, fields: [("cache-control", "no-store"), ("x-accel-buffering", "no")], body: .stream,
      closesConnection: true, contentType: stream.rawValue)
  }
}
