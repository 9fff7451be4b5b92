import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NotifluxProtocol

/// Accepts plain connections: sockets of ours on loops of ours.
final class SocketAcceptor: Acceptor {
  private let addresses: [ListenAddress]
  private let logger: Logger
  private let reactors: [Reactor]
  private let listeners = NIOLockedValueBox<[LoopBound<SocketListener>]>([])

  /// Starts the loops' threads, one a worker. `allowsRing`: whether output may go through io_uring.
  init(_ addresses: [ListenAddress], loops: Int, name: String, allowsRing: Bool, logger: Logger) throws {
    self.addresses = addresses
    self.logger = logger
    reactors = try (0..<loops).map { try Reactor(name: loops > 1 ? "\(name)-\($0)" : name, allowsRing: allowsRing) }
  }

  var loops: [any WorkerLoop] { reactors }

  var outputMethod: String {
    get async {
      let first = reactors[0]
      return await first.run { first.outbox.method } ?? ""
    }
  }

  func listen(workers: [LoopBound<Worker>]) async throws -> [SocketAddress] {
    // All are open before the first one accepts: a server that cannot have one address has no client on the others.
    let sockets = try Self.open(addresses)
    let (reactors, logger) = (reactors, logger)
    let first = reactors[0]
    let started = await first.run {
      Result {
        var next = 0
        return try sockets.map { socket in
          let listener = SocketListener(socket, reactor: first, logger: logger) { descriptor, client in
            let turn = next
            next = (next + 1) % reactors.count
            let (reactor, worker) = (reactors[turn], workers[turn])
            if turn == 0 { return Self.adopt(descriptor, of: client, worker: worker.value, reactor: reactor) }
            reactor.execute { Self.adopt(descriptor, of: client, worker: worker.value, reactor: reactor) }
          }
          try listener.start()
          return LoopBound(listener, loop: first)
        }
      }
    }
    guard let started else { throw ChannelError.alreadyClosed }
    let bound = try started.get()
    listeners.withLockedValue { $0 = bound }
    return try sockets.map { try $0.address() }
  }

  /// All of them, or none.
  static func open(_ addresses: [ListenAddress]) throws -> [ListeningSocket] {
    var sockets: [ListeningSocket] = []
    for address in addresses {
      do { sockets.append(try ListeningSocket(address)) } catch {
        for socket in sockets {
          close(socket.descriptor)
          socket.removeFile()
        }
        throw ListenFailure(address: address, cause: error)
      }
    }
    return sockets
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
    let sockets = listeners.withLockedValue { listeners in
      defer { listeners = [] }
      return listeners
    }
    guard !sockets.isEmpty else { return }
    _ = await reactors[0].run { for socket in sockets { socket.value.close() } }
  }

  func stop() async {
    for reactor in reactors { await reactor.stop() }
  }
}
