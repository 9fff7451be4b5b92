// A WebSocket server that sends every message back: notiflux's own sessions and event loops with nothing behind them,
// for conformance suites such as Autobahn's.
//
//     swift run echo-server 9002          then connect to ws://127.0.0.1:9002/ws
import Logging
import NIOCore
import NotifluxServer

let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 9002
var configuration = ServerConfiguration(keys: [])
configuration.addresses = [.network(host: "127.0.0.1", port: port)]
configuration.allowsCompression = true
configuration.maximumClientMessage = 32 << 20
configuration.maximumPending = 256 << 20
configuration.messageHandler = { $0 }

let server = Server(configuration: configuration, logger: Logger(label: "echo"))
let listening = try await server.start()
print("listening on ws://127.0.0.1:\(listening.addresses[0].port ?? port)/ws")
while true { try await Task.sleep(for: .seconds(3600)) }
