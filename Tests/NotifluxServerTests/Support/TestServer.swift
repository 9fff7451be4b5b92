import Logging
import NIOCore
import NIOPosix
import NotifluxJWT
import NotifluxProtocol

@testable import NotifluxServer

/// A running server on a free port with a key of its own, stopped at the end.
struct TestServer {
  let server: Server
  let port: Int
  private let signer: TokenSigner

  static func run(
    configure: (inout ServerConfiguration) -> Void = { _ in }, _ body: (TestServer) async throws -> Void
  ) async throws {
    let key = try PrivateKey.generate()
    var configuration = ServerConfiguration(keys: [key.publicKey])
    configuration.addresses = [.network(host: "127.0.0.1", port: 0)]
    configuration.workers = 2
    configuration.drainTimeout = .seconds(2)
    configuration.tick = .seconds(3600)  // Time passes by `advance(seconds:)` alone, however slow the machine is.
    configure(&configuration)
    let server = Server(configuration: configuration, logger: Logger(label: "test") { _ in SecretGuard() })
    let listening = try await server.start()
    let test = TestServer(server: server, port: listening.addresses[0].port ?? 0, signer: TokenSigner(key: key))
    do { try await body(test) } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  func token(_ scope: Scope, _ topics: String..., expiresIn seconds: Double = 3600) throws -> String {
    let now = SystemClock.secondsSince1970()
    return try signer.sign(Claims(topics: topics, scope: scope, expires: now + seconds))
  }

  /// Lets time pass for all workers, second by second.
  func advance(seconds: Int) async throws {
    for worker in server.workersForTesting {
      let turned: Void? = await worker.loop.run { for _ in 0..<seconds { worker.value.tick() } }
      guard turned != nil else { throw TestFailure("the server has ended") }
    }
  }

  func connect() async throws -> TestClient { try await TestClient.connect(port: port) }

  /// A client whose WebSocket handshake is done.
  func webSocket(subprotocol: String? = nil) async throws -> TestClient {
    let client = try await connect()
    let offer = subprotocol.map { "Sec-WebSocket-Protocol: other, \($0)\r\n" } ?? ""
    try await client.send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\(offer)\r\n")
    let head = try await client.readHead()
    guard head.hasPrefix("HTTP/1.1 101 "), head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") else {
      throw TestFailure("no handshake: \(head)")
    }
    guard head.contains("notiflux.v1") == (subprotocol != nil) else { throw TestFailure("wrong protocol: \(head)") }
    return client
  }

  func publish(_ message: String, to topics: String..., id: String? = nil) async throws -> String {
    let request = try BroadcastRequest(
      topics: topics.map { try Topic($0) }, message: message,
      token: signer.sign(
        Claims(topics: topics, scope: .broadcast, expires: SystemClock.secondsSince1970() + 3600)), id: id)
    let client = try await connect()
    let body = String(decoding: request.json, as: UTF8.self)
    try await client.send(
      "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
        + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
    return try await client.readAll()
  }
}

struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
