import NIOCore
import NotifluxJWT
import NotifluxProtocol

/// What an endpoint does with a request.
enum Reply {
  case answer(HTTPResponse)
  /// The connection becomes a WebSocket, once these bytes are sent.
  case upgrade(ByteBuffer, WireForm)
  /// The connection becomes a stream of events.
  case stream(EventsRequest, openedBy: TokenNames?)

  static func refusal(_ refusal: Refusal) -> Reply { .answer(HTTPFailure(refusal).response) }
}

/// The whole table of what is served where.
enum Route: CaseIterable {
  case broadcast
  case webSocket
  case events
  case health
  case ready
  // On the admin address only:
  case metrics
  case topics

  var path: StaticString {
    switch self {
    case .broadcast: "/broadcast"
    case .webSocket: "/ws"
    case .events: "/events"
    case .health: "/health"
    case .ready: "/ready"
    case .metrics: "/metrics"
    case .topics: "/topics"
    }
  }

  var methods: [RequestMethod] {
    switch self {
    case .broadcast: [.post]
    case .webSocket: [.get]
    case .events, .health, .ready, .metrics, .topics: [.get, .head]
    }
  }

  /// What goes into `Allow` (RFC 9110 §10.2.1).
  var allow: String { (methods + [.options]).map(\.rawValue).joined(separator: ", ") }

  /// Has a complete request answered: `connection` gets its reply once, at once or later on the worker's loop. `body` is
  /// valid during the call only.
  func respond(to head: RequestHead, body: UnsafeRawBufferPointer, for connection: HTTPConnection) {
    switch self {
    case .broadcast: BroadcastEndpoint.respond(to: head, body: body, for: connection)
    case .webSocket: connection.reply(WebSocketEndpoint.respond(to: head, worker: connection.worker))
    case .events: EventsEndpoint.respond(to: head, for: connection)
    case .health: connection.reply(HealthEndpoint.health())
    case .ready: connection.reply(HealthEndpoint.ready(worker: connection.worker))
    case .metrics: AdminEndpoint.metrics(for: connection)
    case .topics: AdminEndpoint.topics(head, for: connection)
    }
  }
}

/// What an address serves.
enum Site {
  case clients
  /// Who operates the server asks here how it is.
  case admin(Overview)

  private var routes: [Route] {
    switch self {
    case .clients: Self.ofClients
    case .admin: Self.ofAdmin
    }
  }

  private static let ofClients: [Route] = [.broadcast, .webSocket, .events, .health, .ready]
  private static let ofAdmin: [Route] = [.metrics, .topics, .health, .ready]

  /// Judges a request by its head alone, before any of its body is read. Throws what the client is to be told.
  func route(for head: RequestHead) throws(HTTPFailure) -> Route {
    let path = head.path
    guard let route = routes.first(where: { path.hasBytes($0.path) }) else {
      // About the server as a whole (RFC 9110 §9.3.7): what holds for its smallest part is all there is to say.
      if head.method == .options, path.hasBytes("*") { return .health }
      guard path.first == UInt8(ascii: "/") else {
        throw HTTPFailure(.badRequest, "the target is neither a path nor an absolute URI (RFC 9112 §3.2)")
      }
      let known = routes.map { "\($0.methods[0].rawValue) \($0.path)" }.joined(separator: ", ")
      throw HTTPFailure(.notFound, "nothing is served here; notiflux serves \(known)")
    }
    guard head.method == .options || route.methods.contains(head.method) else {
      var failure = HTTPFailure(
        .methodNotAllowed, "\(route.path) takes \(route.methods.map(\.rawValue).joined(separator: " and ")) only")
      failure.fields.append(("allow", route.allow))
      throw failure
    }
    return route
  }
}
