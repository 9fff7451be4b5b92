import NIOCore
import NIOPosix
import NIOSSL
import NotifluxClient

/// A server on a free port of 127.0.0.1 that says what the test tells it to, byte by byte.
final class TestServer: Sendable {
  private let channel: any Channel
  private let accepted: AsyncStream<TestConnection>
  private let group: MultiThreadedEventLoopGroup

  let port: Int

  private init(
    channel: any Channel, accepted: AsyncStream<TestConnection>, group: MultiThreadedEventLoopGroup, port: Int
  ) {
    self.channel = channel
    self.accepted = accepted
    self.group = group
    self.port = port
  }

  /// Runs `body` with a server, and closes everything after it.
  static func run<Result>(
    tls: NIOSSLContext? = nil, isolation: isolated (any Actor)? = #isolation,
    _ body: (TestServer) async throws -> Result
  ) async throws -> Result {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (accepted, continuation) = AsyncStream<TestConnection>.makeStream()
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
          let (bytes, received) = AsyncStream<ByteBuffer>.makeStream()
          try channel.pipeline.syncOperations.addHandler(Receiver(received))
          continuation.yield(TestConnection(channel: channel, bytes: bytes))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = TestServer(
      channel: channel, accepted: accepted, group: group, port: channel.localAddress?.port ?? 0)
    do {
      let result = try await body(server)
      try await group.shutdownGracefully()
      return result
    } catch {
      try await group.shutdownGracefully()
      throw error
    }
  }

  /// Waits for the next client.
  func accept() async throws -> TestConnection {
    for await connection in accepted { return connection }
    throw TestFailure("nobody connected")
  }

  func stopListening() async throws { try await channel.close() }

  func endpoint(_ scheme: String = "http", path: String = "") throws -> Endpoint {
    try Endpoint("\(scheme)://127.0.0.1:\(port)\(path)")
  }
}

struct TestFailure: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

/// The server's end of one connection.
actor TestConnection {
  private nonisolated let channel: any Channel
  private let bytes: AsyncStream<ByteBuffer>
  private(set) var input = ByteBuffer()

  init(channel: any Channel, bytes: AsyncStream<ByteBuffer>) {
    self.channel = channel
    self.bytes = bytes
  }

  /// Waits for more input; `false` at its end.
  func receive() async -> Bool {
    for await part in bytes {
      input.writeImmutableBuffer(part)
      return true
    }
    return false
  }

  /// Takes everything up to and including `mark`.
  func read(through mark: String) async throws -> String {
    while true {
      let view = input.readableBytesView
      if let start = view.indices.first(where: { view[$0...].starts(with: mark.utf8) }) {
        return input.readString(length: start - view.startIndex + mark.utf8.count) ?? ""
      }
      guard await receive() else { throw TestFailure("the connection ended before \(mark.debugDescription)") }
    }
  }

  func read(count: Int) async throws -> ByteBuffer {
    while true {
      if let slice = input.readSlice(length: count) { return slice }
      guard await receive() else { throw TestFailure("the connection ended before \(count) bytes had come") }
    }
  }

  func withInput<Result: Sendable>(_ body: @Sendable (inout ByteBuffer) throws -> Result) rethrows -> Result {
    try body(&input)
  }

  /// Waits until the client has closed its side; what still comes is kept in ``input``.
  func readToEnd() async { while await receive() {} }

  func write(_ text: String) async throws { try await channel.writeAndFlush(ByteBuffer(string: text)) }
  func write(_ bytes: ByteBuffer) async throws { try await channel.writeAndFlush(bytes) }
  func close() async throws { try await channel.close() }
}

private final class Receiver: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  private let received: AsyncStream<ByteBuffer>.Continuation

  init(_ received: AsyncStream<ByteBuffer>.Continuation) { self.received = received }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) { received.yield(unwrapInboundIn(data)) }
  func channelInactive(context: ChannelHandlerContext) { received.finish() }
  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
