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
  private let listeners = NIOLockedValueBox<[(channel: any Channel, socket: ListeningSocket)]>([])

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

  func listen(workers: [LoopBound<Worker>]) async throws -> [SocketAddress] {
    let sockets = try SocketAcceptor.open(configuration.addresses)
    let bootstrap = bootstrap(workers)
    for socket in sockets {
      let channel = try await bootstrap.withBoundSocket(socket.descriptor).get()
      listeners.withLockedValue { $0.append((channel, socket)) }
    }
    return try sockets.map { try $0.address() }
  }

  private func bootstrap(_ workers: [LoopBound<Worker>]) -> ServerBootstrap {
    let places = Dictionary(
      uniqueKeysWithValues: channelLoops.enumerated().map { (ObjectIdentifier($1.eventLoop), ($1, workers[$0])) })
    let (tls, logger) = (tls, logger)
    return ServerBootstrap(group: group)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(AcceptShortageHandler(logger: logger))
        }
      }
      .childChannelOption(.writeBufferWaterMark, value: .init(low: WaterMark.low, high: WaterMark.high))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let (loop, worker) = places[ObjectIdentifier(channel.eventLoop)] else {
            throw ChannelError.operationUnsupported
          }
          try Self.adopt(channel, loop: loop, worker: worker.value, tls: tls)
        }
      }
  }

  /// A connection that is one too many is closed without a word: a handshake would cost more than it is worth.
  private static func adopt(
    _ channel: any Channel, loop: ChannelLoop, worker: Worker, tls: TLSContextBox
  ) throws {
    let connections = worker.services.connections
    let client = ClientAddress(channel.remoteAddress)
    guard worker.admit(client) == .welcome else { throw ChannelError.operationUnsupported }
    let pipeline = channel.pipeline.syncOperations
    let transport = ChannelTransport(client: client, loop: loop, logger: worker.services.logger) {
      HTTPConnection(worker: worker).takeOver($0)
    }
    do { try pipeline.addHandlers([NIOSSLServerHandler(context: tls.context), transport]) } catch {
      connections.leave(client)
      throw error
    }
  }

  func stopListening() async {
    let open = listeners.withLockedValue { listeners in
      defer { listeners = [] }
      return listeners
    }
    for (channel, socket) in open {
      try? await channel.close()
      socket.removeFile()
    }
  }

  func stop() async { try? await group.shutdownGracefully() }
}
