import Logging
import NIOCore
import NotifluxJWT
import NotifluxProtocol

@testable import NotifluxServer
@testable import NotifluxWebSocket

/// Everything a client may say on one connection: HTTP, and what may follow on it: batches, event streams, WebSockets.
/// The first byte says how the rest is cut. `$B` and `$S` stand for tokens to broadcast and to subscribe with.
enum Connections: FuzzTarget {
  static let name = "connections"

  private static let key: PrivateKey = {
    do { return try PrivateKey(pem: KeyFixture.pkcs8) } catch { violated("the fixture is a key: \(error)") }
  }()
  private static let tokens = [UInt8(ascii: "B"): token(.broadcast), UInt8(ascii: "S"): token(.subscribe)]

  private static func token(_ scope: Scope) -> [UInt8] {
    let claims = Claims(topics: ["t", "u"], scope: scope, expires: 2000)
    do { return Array(try TokenSigner(key: key).sign(claims).utf8) } catch { violated("a token is made: \(error)") }
  }

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let seed = choices.byte()
    let outputs = cuts(of: filledIn(choices.rest)[...], seed: seed).map { Client().say($0) }
    let whole = outputs[0]
    // Where it ends depends on how the bytes come: what is wrong in an unfinished line is seen with its end.
    for output in outputs {
      let common = min(output.statuses.count, whole.statuses.count)
      require(output.statuses.prefix(common) == whole.statuses.prefix(common), "the same answers: \(outputs)")
    }
  }

  private static func filledIn(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    var text: [UInt8] = []
    var rest = bytes
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "$"), let token = rest.first.flatMap({ tokens[$0] }) {
        text += token
        rest.removeFirst()
      } else {
        text.append(byte)
      }
    }
    return text
  }

  /// What a connection sent, taken apart.
  struct Output: CustomStringConvertible {
    /// Of the answers, but for `100 Continue`.
    private(set) var statuses: [String] = []
    let bytes: [UInt8]

    var description: String { String(decoding: bytes, as: UTF8.self) }

    init(_ bytes: [UInt8]) {
      self.bytes = bytes
      var rest = bytes[...]
      while !rest.isEmpty { takeAnswer(from: &rest) }
    }

    private mutating func takeAnswer(from rest: inout ArraySlice<UInt8>) {
      let end = rest.indices.dropLast(3).first { rest[$0..<$0 + 4].elementsEqual("\r\n\r\n".utf8) }
      guard let end, rest.starts(with: "HTTP/1.1 ".utf8) else {
        // The only answer whose head is its first line alone.
        require(rest.starts(with: "HTTP/1.1 100".utf8), "an answer has a head: \(self)")
        return rest.removeAll()
      }
      let lines = String(decoding: rest[..<end], as: UTF8.self).split(separator: "\r\n")
      rest = rest[(end + 4)...]
      let status = String(lines[0].dropFirst(9).prefix(3))
      if status != "100" { statuses.append(status) }
      func field(_ name: String) -> Substring? { lines.first { $0.hasPrefix("\(name): ") }?.dropFirst(name.count + 2) }
      if status == "101" { return takeFrames(from: &rest, isEnvelope: field("sec-websocket-protocol") != nil) }
      if let length = field("content-length").flatMap({ Int($0) }) {
        // A HEAD's answer has the length alone.
        if !rest.starts(with: "HTTP/1.1 ".utf8) { rest = rest.dropFirst(length) }
      } else if field("transfer-encoding") != nil {
        takeChunks(from: &rest)
      } else if status != "204", status != "100" {
        rest.removeAll()
      }
    }

    private func takeFrames(from rest: inout ArraySlice<UInt8>, isEnvelope: Bool) {
      var decoder = FrameDecoder(role: .client, maximumMessageLength: 1 << 24)
      decoder.feed(ByteBuffer(bytes: rest))
      rest.removeAll()
      do {
        while let event = try decoder.next() {
          guard isEnvelope, case .text(let text) = event else { continue }
          require(text.withUnsafeReadableBytes { ServerEnvelope(json: $0) } != nil, "what is said is an envelope")
        }
      } catch {
        violated("what is sent are frames: \(error)")
      }
      require(decoder.isIdle, "frames are sent whole")
    }

    private func takeChunks(from rest: inout ArraySlice<UInt8>) {
      var body = ChunkedBody()
      var ended = false
      let used = rest.withUnsafeBytes { bytes in
        var input = bytes
        while !ended, let piece = try? body.next(&input) { if case .end = piece { ended = true } }
        return bytes.count - input.count
      }
      rest = rest.dropFirst(used)
    }
  }
}

/// A client without a socket, on a server whose loop turns when it is told to.
private final class Client: Transport {
  var connection: Connection?
  var client = ClientAddress.unknown
  private var written: [UInt8] = []
  private var isPaused = false
  private var hasEnded = false
  private let loop = ManualLoop()
  private let worker: Worker

  private static let keys: KeySet = {
    do { return KeySet(try PublicKey.all(inPEM: KeyFixture.publicKey)) } catch {
      violated("the fixture is a key: \(error)")
    }
  }()

  init() {
    var configuration = ServerConfiguration(keys: Self.keys)
    configuration.maximumMessageSize = 4096
    configuration.maximumSubscriptions = 4
    let loopHub = LoopHub<SubscriberConnection>()
    let hub = Hub(
      epoch: "e", history: HistoryLimits(messagesPerTopic: 10, lifetime: 300, bytes: 1 << 16),
      mailboxes: [Mailbox(hub: LoopBound(loopHub, loop: loop))], uptime: { 0 })
    let services = Services(
      hub: hub, authorizer: Authorizer(keys: Self.keys, leeway: 0, threads: 0, now: { 1000 }),
      logger: Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }, connections: ConnectionCount(limit: 10),
      now: { 1000 })
    worker = Worker(configuration: configuration, services: services, hub: loopHub, loop: loop)
  }

  /// What comes of some bytes that are read piece by piece, as long as the connection wants to read, and of the end.
  func say(_ pieces: [ArraySlice<UInt8>]) -> Connections.Output {
    HTTPConnection(worker: worker).takeOver(self)
    for piece in pieces {
      Array(piece).withUnsafeBytes { connection?.received($0) }
      settle()
      if connection == nil { break }
      require(!isPaused, "once nothing is left to do, it reads on")
    }
    connection?.inputEnded()
    settle()
    for _ in 0..<200 where connection != nil { worker.tick() }
    require(connection == nil, "a client that says nothing any more does not stay")
    require(worker.connectionCount == 0 && worker.hub.table.topicCount == 0, "nothing of it is left")
    return Connections.Output(written)
  }

  private func settle() { while !loop.isIdle { loop.turn() } }

  var unsentBytes: Int { 0 }
  var isWritable: Bool { true }

  func write(_ bytes: ByteBuffer) {
    require(!hasEnded, "nothing is written after the end")
    if connection != nil { written += bytes.readableBytesView }
  }

  func flush() {}
  func flushNow() {}
  func pauseReading() { isPaused = true }
  func resumeReading() { isPaused = false }
  func finishOutput() { hasEnded = true }

  func close() {
    guard let connection else { return }
    self.connection = nil
    connection.transportClosed()
  }
}
