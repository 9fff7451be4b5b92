import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol

@testable import NotifluxServer

/// An HTTP connection without a socket, on a worker of its own, whose loop and clock the test turns.
final class HTTPFixture {
  let loop = ManualLoop()
  let worker: Worker
  let wire = RecordingTransport()
  private let signer: TokenSigner

  init(configure: (inout ServerConfiguration) -> Void = { _ in }) throws {
    let key = try PrivateKey.generate()
    var configuration = ServerConfiguration(keys: [key.publicKey])
    configure(&configuration)
    signer = TokenSigner(key: key)
    let loopHub = LoopHub<SubscriberConnection>()
    let hub = Hub(
      epoch: "e", history: HistoryLimits(messagesPerTopic: 10, lifetime: 300, bytes: 1 << 20),
      mailboxes: [Mailbox(hub: LoopBound(loopHub, loop: loop))], uptime: { 0 })
    let services = Services(
      hub: hub, authorizer: Authorizer(keys: configuration.keys, leeway: 0, threads: 0, now: { 1000 }),
      logger: Logger(label: "test") { _ in SecretGuard() }, connections: ConnectionCount(limit: 10),
      now: { 1000 })
    worker = Worker(configuration: configuration, services: services, hub: loopHub, loop: loop)
    HTTPConnection(worker: worker).takeOver(wire)
  }

  /// Ends the connection that is there, and begins another.
  func reconnect() {
    wire.close()
    wire.reset()
    HTTPConnection(worker: worker).takeOver(wire)
  }

  /// A token no one has seen before, if `life` is none that was used before.
  func token(_ scope: Scope = .broadcast, _ topics: String..., life: Double = 60, id: String? = nil) throws -> String {
    try signer.sign(Claims(topics: topics.isEmpty ? ["t"] : topics, scope: scope, expires: 1000 + life, id: id))
  }

  /// As a reload does: the tokens of these ids are good no more.
  func revoke(_ ids: String...) throws {
    let list = try RevocationList(Array(ids.map { "jti \($0)\n" }.joined().utf8))
    worker.services.authorizer.replaceKeys(worker.configuration.keys, revocations: list)
    worker.revoke(by: list)
  }

  func receive(_ bytes: [UInt8]) { bytes.withUnsafeBytes { wire.connection?.received($0) } }

  func receive(_ text: String) { receive(Array(text.utf8)) }

  /// Lets everything happen that is to happen.
  func settle() { for _ in 0..<20 { loop.turn() } }

  func post(_ body: String, fields: String = "") -> String {
    "POST /broadcast HTTP/1.1\r\nHost: x\r\n\(fields)Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  func publish(_ message: String, token: String) -> String {
    post(#"{"topic":"t","message":"\#(message)","token":"\#(token)"}"#)
  }

  static let health = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"

  /// The answers so far: the status of each with its body.
  var answers: [String] {
    wire.text.split(separator: "HTTP/1.1 ").map { answer in
      let status = answer.prefix(3)
      guard let end = answer.firstRange(of: "\r\n\r\n") else { return "cut" }
      return "\(status) \(answer[end.upperBound...])"
    }
  }
}

/// A transport that ends in an array.
final class RecordingTransport: Transport {
  var connection: Connection?
  var client = ClientAddress.unknown
  private(set) var written: [UInt8] = []
  /// What was done besides writing, in its order.
  private(set) var events: [String] = []
  var isWritable = true
  /// Whether one write is as much as it takes.
  var isNarrow = false
  var unsentBytes = 0

  var text: String { String(decoding: written, as: UTF8.self) }

  func reset() { (written, events, isWritable, unsentBytes) = ([], [], true, 0) }

  func write(_ bytes: ByteBuffer) {
    if events.contains("end") { events.append("write after end") }
    written += bytes.readableBytesView
    if isNarrow { isWritable = false }
  }

  func flush() {}
  func flushNow() {}
  func pauseReading() { events.append("pause") }
  func resumeReading() { events.append("resume") }
  func finishOutput() { events.append("end") }

  func close() {
    guard let connection else { return }
    events.append("close")
    self.connection = nil
    connection.transportClosed()
  }
}
