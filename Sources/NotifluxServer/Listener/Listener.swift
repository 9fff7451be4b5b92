import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NotifluxProtocol

/// The listening socket, and how an accepted connection is built.
struct Listener {
  /// Bytes a connection may have unsent before its channel says it is not writable; only then they are counted.
  static let writeBufferHighMark = 64 * 1024

  private let channel: any Channel

  /// Where it listens, with the port the system chose if it was left to it.
  var address: SocketAddress? { channel.localAddress }

  /// Binds and starts to accept. Connections are dealt to the event loops of `group` in turn.
  static func bind(
    configuration: ServerConfiguration, tls: TLSContextBox?, workers: WorkerDirectory, group: any EventLoopGroup
  ) async throws -> Listener {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 4096)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(
        .writeBufferWaterMark, value: .init(low: writeBufferHighMark / 2, high: writeBufferHighMark)
      )
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try accept(channel, tls: tls, workers: workers) }
      }
      .bind(host: configuration.host, port: configuration.port).get()
    return Listener(channel: channel)
  }

  /// Accepts nothing more; connections live on.
  func close() async { try? await channel.close() }

  private static func accept(_ channel: any Channel, tls: TLSContextBox?, workers: WorkerDirectory) throws {
    let worker = workers.worker(of: channel.eventLoop)
    let pipeline = channel.pipeline.syncOperations
    let connections = worker.services.connections
    guard connections.enter() else {
      return try pipeline.addHandler(CrowdedHandler(isTLS: tls != nil, limit: connections.limit))
    }
    channel.closeFuture.whenComplete { _ in connections.leave() }
    if let tls { try pipeline.addHandler(NIOSSLServerHandler(context: tls.context)) }
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = Limits.requestHead
    limits.maxHeaderListSize = Limits.requestHead
    let encoder = HTTPResponseEncoder()
    let decoder = ByteToMessageHandler(
      HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits))
    let connection = HTTPConnectionHandler(worker: worker) { context, handler in
      let pipeline = context.pipeline.syncOperations
      // What the new handler says at once must not pass the encoder; what the decoder still holds must reach it.
      pipeline.removeHandler(encoder, promise: nil)
      try pipeline.addHandler(handler)
      pipeline.removeHandler(context: context, promise: nil)
      pipeline.removeHandler(decoder, promise: nil)
    }
    try pipeline.addHandlers([encoder, decoder, connection])
  }
}
