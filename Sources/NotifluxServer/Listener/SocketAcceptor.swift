import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NotifluxProtocol

/// Accepts plain connections: sockets of ours on loops of ours.
final class SocketAcceptor: Acceptor {
  private let configuration: ServerConfiguration
  private let logger: Logger
  private let reactors: [Reactor]
  private let listener = NIOLockedValueBox<LoopBound<SocketListener>?>(nil)

  /// Starts the loops' threads.
  init(configuration: ServerConfiguration, logger: Logger) throws {
    self.configuration = configuration
    self.logger = logger
    reactors = try (0..<configuration.workers).map {
      try Reactor(name: "notiflux-\($0)", allowsRing: configuration.usesIOURing)
    }
  }

  var loops: [any WorkerLoop] { reactors }

  var outputMethod: String {
    get async {
      let first = reactors[0]
      return await first.run { first.outbox.method } ?? ""
    }
  }

  func listen(workers: [LoopBound<Worker>]) async throws -> SocketAddress {
    let address = try SocketAddress.makeAddressResolvingHost(configuration.host, port: configuration.port)
    let (reactors, logger) = (reactors, logger)
    let first = reactors[0]
    let bound = await first.run {
      Result {
        var next = 0
        let listener = try SocketListener(address: address, reactor: first, logger: logger) { descriptor, client in
          let turn = next
          next = (next + 1) % reactors.count
          let (reactor, worker) = (reactors[turn], workers[turn])
          if turn == 0 { return Self.adopt(descriptor, of: client, worker: worker.value, reactor: reactor) }
          reactor.execute { Self.adopt(descriptor, of: client, worker: worker.value, reactor: reactor) }
        }
        let address = try listener.address()
        try listener.start()
        return (address, LoopBound(listener, loop: first))
      }
    }
    guard let bound else { throw ChannelError.alreadyClosed }
    let (taken, socket) = try bound.get()
    listener.withLockedValue { $0 = socket }
    return taken
  }

  private static func adopt(_ descriptor: Int32, of client: ClientAddress, worker: Worker, reactor: Reactor) {
    let connections = worker.services.connections
    let admission = worker.admit(client)
    guard admission == .welcome || connections.enterCrowd() else {
      close(descriptor)
      return
    }
    do throws(SystemFailure) {
      let transport = try SocketTransport(descriptor: descriptor, client: client, reactor: reactor)
      let connection =
        admission == .welcome
        ? HTTPConnection(worker: worker)
        : CrowdedConnection(worker: worker, isForAddress: admission == .addressFull)
      connection.takeOver(transport)
    } catch {
      if admission == .welcome { connections.leave(client) } else { connections.leaveCrowd() }
      worker.services.logger.warning("connection lost", metadata: [LogKey.reason: "\(error)"])
    }
  }

  func stopListening() async {
    let socket = listener.withLockedValue { listener in
      defer { listener = nil }
      return listener
    }
    guard let socket else { return }
    _ = await reactors[0].run { socket.value.close() }
  }

  func stop() async {
    for reactor in reactors { await reactor.stop() }
  }
}
