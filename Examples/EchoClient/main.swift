import NIOConcurrencyHelpers
// A WebSocket client that sends every message back: the connection of NotifluxClient with nothing behind it, for
// Autobahn's fuzzing server.
//
//     swift run echo-client http://127.0.0.1:9001            runs every case, then has the server write its report
import NIOCore
import NIOPosix
import NotifluxClient
import NotifluxWebSocket

/// Connects, sends messages back until the server closes, and returns the last text.
func visit(_ route: String, at endpoint: Endpoint) async throws -> String {
  let lastText = NIOLockedValueBox("")
  var configuration = ClientConfiguration()
  configuration.prefersTextMode = true
  configuration.maximumMessageLength = 32 << 20
  configuration.webSocketRoute = route
  configuration.messageHandler = { message in
    if case .text(let text) = message { lastText.withLockedValue { $0 = String(buffer: text) } }
    return message
  }
  let eventLoop = MultiThreadedEventLoopGroup.singleton.any()
  let connector = Connector(endpoint: endpoint, eventLoop: eventLoop, configuration: configuration)
  let link = try await WebSocketLink.connect(connector, configuration: configuration)
  while true {
    let events = await link.nextEvents()
    if case .ended? = events.last { break }
  }
  return lastText.withLockedValue { $0 }
}

let endpoint = try Endpoint(CommandLine.arguments.dropFirst().first ?? "http://127.0.0.1:9001")
let count = Int(try await visit("/getCaseCount", at: endpoint)) ?? 0
for number in 1...max(1, count) { _ = try await visit("/runCase?case=\(number)&agent=notiflux", at: endpoint) }
_ = try await visit("/updateReports?agent=notiflux", at: endpoint)
print("\(count) cases")
