import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// What an endpoint does with a request.
enum HTTPReply {
  case now(HTTPResponse)
  /// On the connection's event loop.
  case later(EventLoopFuture<HTTPResponse>)
  /// The connection leaves HTTP, with these fields in the 101; on the connection's event loop.
  case upgrade(EventLoopFuture<HTTPHeaders>, SessionMachine.Mode)
  /// The connection becomes a stream of events.
  case stream(EventsRequest)
}

/// The whole table of what is served where.
enum Route: String, CaseIterable {
  case broadcast = "/broadcast"
  case webSocket = "/ws"
  case events = "/events"
  case health = "/health"
  case ready = "/ready"

  init?(path: Substring) {
    guard let route = Route.allCases.first(where: { $0.rawValue == path }) else { return nil }
    self = route
  }

  var methods: [HTTPMethod] {
    switch self {
    case .broadcast: [.POST]
    case .webSocket: [.GET]
    case .events, .health, .ready: [.GET, .HEAD]
    }
  }

  /// What goes into `Allow` (RFC 9110 §10.2.1).
  var allow: String { (methods + [.OPTIONS]).map(\.rawValue).joined(separator: ", ") }

  func respond(to request: HTTPRequest, worker: Worker, channel: any Channel) -> HTTPReply {
    switch self {
    case .broadcast: BroadcastEndpoint.respond(to: request, worker: worker)
    case .webSocket: WebSocketEndpoint.respond(to: request, worker: worker, channel: channel)
    case .events: EventsEndpoint.respond(to: request, worker: worker)
    case .health: HealthEndpoint.health()
    case .ready: HealthEndpoint.ready(worker: worker)
    }
  }
}

extension Route {
  /// Judges a request by its head alone, before any of its body is read. Throws what the client is to be told.
  static func find(for request: HTTPRequest) throws(HTTPFailure) -> Route {
    let path = request.path
    guard let route = Route(path: path) else {
      let known = Route.allCases.map { "\($0.methods[0]) \($0.rawValue)" }.joined(separator: ", ")
      throw HTTPFailure(.notFound, "nothing is served here; notiflux serves \(known)")
    }
    guard route.methods.contains(request.head.method) || request.head.method == .OPTIONS else {
      var failure = HTTPFailure(
        .methodNotAllowed, "\(route.rawValue) takes \(route.methods.map(\.rawValue).joined(separator: " and ")) only")
      failure.headers.append(("allow", route.allow))
      throw failure
    }
    return route
  }
}
