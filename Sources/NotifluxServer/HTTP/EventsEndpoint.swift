import NIOHTTP1
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
  init(_ request: HTTPRequest) throws(Refusal) {
    let query = try Query(request.query)
    var topics: [Topic] = []
    for name in query["topic"] {
      let topic = try Topic(name)
      if !topics.contains(topic) { topics.append(topic) }
    }
    guard !topics.isEmpty else { throw Refusal(.badRequest, "name a topic: /events?topic=news") }
    self.topics = topics
    wantsHeadOnly = request.head.method == .HEAD
    token = request.bearerToken ?? query["token"].first
    // A browser reconnects with the old URL, so its header is the newer place.
    let places = [request.head.headers.first(name: "last-event-id"), query["since"].last]
    if let place = places.compactMap({ $0 }).first(where: { !$0.isEmpty }) { since = try Cursor(place) }
    stream = Self.stream(accept: request.head.headers[canonicalForm: "accept"].map(String.init))
  }

  private static func stream(accept: [String]) -> EventStream {
    let types = accept.map { $0.prefix { $0 != ";" }.lowercased() }
    let ndjson = types.firstIndex(of: EventStream.ndjson.rawValue)
    let events = types.firstIndex(of: EventStream.serverSentEvents.rawValue)
    return ndjson != nil && events == nil ? .ndjson : .serverSentEvents
  }
}

/// `GET /events`: messages as a stream over plain HTTP.
enum EventsEndpoint {
  static func respond(to request: HTTPRequest, worker: Worker) -> HTTPReply {
    do throws(HTTPFailure) {
      guard !worker.isDraining else {
        throw HTTPFailure(.draining, "the server is shutting down; reconnect in a second")
      }
      let events: EventsRequest
      do throws(Refusal) {
        events = try EventsRequest(request)
        try worker.services.authorizer.authorize(events.token, scope: .subscribe, topics: events.topics)
        let limit = worker.configuration.maximumSubscriptions
        guard events.topics.count <= limit else {
          throw Refusal(.tooManySubscriptions, "a connection may hold \(limit) topics; name fewer")
        }
      } catch {
        throw HTTPFailure(error)
      }
      return .stream(events)
    } catch {
      return .now(error.response)
    }
  }

  /// The head of the stream, as `HEAD` and `GET` get it. Caches and proxies must not hold events back.
  static func head(of stream: EventStream) -> HTTPResponse {
    HTTPResponse(
      status: .ok, headers: [("cache-control", "no-store"), ("x-accel-buffering", "no")], closesConnection: true,
      contentType: stream.rawValue)
  }
}
