import Glibc
import NIOCore
import NIOPosix
import NotifluxProtocol
import NotifluxWebSocket

/// A plain TCP client that reads only when asked to: what a test needs to be slow, rude or exact.
final class TestClient: @unchecked Sendable {  // Used by one task at a time.
  private let channel: any Channel
  private var iterator: AsyncStream<ByteBuffer>.AsyncIterator
  private var received = ByteBuffer()
  private var decoder = FrameDecoder(role: .client, maximumMessageLength: 64 << 20)

  static func connect(port: Int) async throws -> TestClient {
    let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelOption(.socketOption(.so_rcvbuf), value: 16384)
      .channelOption(.autoRead, value: false)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Receiver(continuation: continuation))
        }
      }
      .connect(host: "127.0.0.1", port: port).get()
    return TestClient(channel, stream)
  }

  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(continuation: AsyncStream<ByteBuffer>.Continuation) { self.continuation = continuation }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { continuation.yield(unwrapInboundIn(data)) }
    func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  private init(_ channel: any Channel, _ stream: AsyncStream<ByteBuffer>) {
    self.channel = channel
    iterator = stream.makeAsyncIterator()
  }

  deinit { channel.close(promise: nil) }

  func send(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }

  func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

  func close() async throws { try await channel.close() }

  /// Resets the connection instead of closing it.
  func reset() async throws {
    guard let options = channel as? any SocketOptionProvider else { throw TestFailure("not a socket") }
    try await options.setSoLinger(linger(l_onoff: 1, l_linger: 0)).get()
    try await channel.close()
  }

  /// What comes next; `nil` when the server has closed the connection.
  private func read() async -> ByteBuffer? {
    channel.read()
    return await iterator.next()
  }

  /// The next head of an HTTP message, with its empty line.
  func readHead() async throws -> String {
    while true {
      let view = received.readableBytesView
      if let end = Array(view).firstRange(of: Array("\r\n\r\n".utf8)) {
        return received.readString(length: end.upperBound) ?? ""
      }
      guard let more = await read() else { throw TestFailure("closed before a head: \(String(buffer: received))") }
      received.writeImmutableBuffer(more)
    }
  }

  /// The next response, head and body, by its `Content-Length`.
  func readResponse() async throws -> (head: String, body: String) {
    let head = try await readHead()
    let field = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
    let length = field.flatMap { Int($0.drop { $0 != ":" }.dropFirst().split(separator: " ").joined()) } ?? 0
    while received.readableBytes < length {
      guard let more = await read() else { throw TestFailure("closed inside a body") }
      received.writeImmutableBuffer(more)
    }
    return (head, received.readString(length: length) ?? "")
  }

  /// Everything until the server closes.
  func readAll() async throws -> String {
    while let more = await read() { received.writeImmutableBuffer(more) }
    return received.readString(length: received.readableBytes) ?? ""
  }

  // MARK: WebSocket

  func sendText(_ text: String) async throws {
    try await channel.writeAndFlush(FrameEncoder.maskedText(text))
  }

  /// The next message or control frame; `nil` when the server has closed the connection.
  func next() async throws -> WebSocketEvent? {
    while true {
      if received.readableBytes > 0 {
        decoder.feed(received)
        received = ByteBuffer()
      }
      if let event = try decoder.next() { return event }
      guard let more = await read() else { return nil }
      received = more
    }
  }

  /// Subscribes and waits until that is done: the server answers a ping in its turn.
  func subscribe(_ topic: String, _ token: String) async throws {
    try await sendText("/subscribe \(topic) \(token)")
    try await channel.writeAndFlush(FrameEncoder.ping(role: .client, payload: ByteBuffer(string: topic)))
    let answer = try await next()
    guard answer == .pong(ByteBuffer(string: topic)) else {
      throw TestFailure("not subscribed: \(String(describing: answer))")
    }
  }
}
