import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import NotifluxProtocol

/// Accepts TLS connections: channels of NIO with NIOSSL.
final class ChannelAcceptor: Acceptor {
  private let configuration: ServerConfiguration
  private let tls: TLSContextBox
  private let logger: Logger
  private let group: MultiThreadedEventLoopGroup
  private let channelLoops: [ChannelLoop]
  private let listener = NIOLockedValueBox<(any Channel)?>(nil)

  /// Starts the loops' threads.
  init(configuration: ServerConfiguration, tls: TLSContextBox, logger: Logger) {
    self.configuration = configuration
    self.logger = logger
    self.tls = tls
    group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.workers)
    channelLoops = group.makeIterator().map(ChannelLoop.init)
  }

  var loops: [any WorkerLoop] { channelLoops }

  var outputMethod: String { "tls" }

  func listen(workers: [LoopBound<Worker>]) async throws -> SocketAddress {
    let places = Dictionary(
      uniqueKeysWithValues: channelLoops.enumerated().map { (ObjectIdentifier($1.eventLoop), workers[$0]) })
    let (tls, logger) = (tls, logger)
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .serverChannelOption(.backlog, value: 4096)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptShortageHandler(logger: logger))
        }
      }
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelOption(.writeBufferWaterMark, value: .init(low: WaterMark.low, high: WaterMark.high))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let worker = places[ObjectIdentifier(channel.eventLoop)] else {
            throw ChannelError.operationUnsupported
          }
          try Self.adopt(channel, worker: worker.value, tls: tls)
        }
      }
      .bind(host: configuration.host, port: configuration.port).get()
    guard let address = channel.localAddress else { throw ChannelError.unknownLocalAddress }
    listener.withLockedValue { $0 = channel }
    return address
  }

  /// A connection that is one too many is closed without a word: a handshake would cost more than it is worth.
  private static func adopt(_ channel: any Channel, worker: Worker, tls: TLSContextBox) throws {
    let connections = worker.services.connections
    let client = ClientAddress(channel.remoteAddress)
    guard worker.admit(client) == .welcome else { throw ChannelError.operationUnsupported }
    let pipeline = channel.pipeline.syncOperations
    let transport = ChannelTransport(client: client, logger: worker.services.logger) {
      HTTPConnection(worker: worker).takeOver($0)
    }
    do { try pipeline.addHandlers([NIOSSLServerHandler(context: tls.context), transport]) } catch {
      connections.leave(client)
      throw error
    }
  }

  func stopListening() async {
    let channel = listener.withLockedValue { listener in
      defer { listener = nil }
      return listener
    }
    try? await channel?.close()
  }

  func stop() async { try? await group.shutdownGracefully() }
}
