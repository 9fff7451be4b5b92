import Glibc
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NotifluxJWT
import NotifluxProtocol

/// A notiflux server: subscribe over WebSockets, publish over REST. The one place where its parts meet.
///
///     let server = Server(configuration: ServerConfiguration(keys: [publicKey]), logger: logger)
///     let address = try await server.start()
///     …
///     await server.drain()
public final class Server: Sendable {
  private struct Running {
    let listener: Listener
    let workers: WorkerDirectory
    let services: Services
  }

  private let configuration: ServerConfiguration
  private let logger: Logger
  private let group: MultiThreadedEventLoopGroup
  private let tls: TLSContextBox?
  private let authorizer: Authorizer
  private let running = NIOLockedValueBox<Running?>(nil)
  private let now: @Sendable () -> Double

  /// Nothing is opened before ``start()``. Each server has threads of its own, which ``drain()`` and ``stop()`` end.
  public convenience init(configuration: ServerConfiguration, logger: Logger) {
    self.init(configuration: configuration, logger: logger, now: SystemClock.secondsSince1970)
  }

  init(configuration: ServerConfiguration, logger: Logger, now: @escaping @Sendable () -> Double) {
    self.configuration = configuration
    self.logger = logger
    self.now = now
    group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.workers)
    tls = configuration.tls.map(TLSContextBox.init)
    authorizer = Authorizer(keys: configuration.keys, leeway: configuration.leeway, now: now)
  }

  /// Binds and serves. Returns the address with the port that was really taken. Throws what kept it from binding.
  @discardableResult
  public func start() async throws -> SocketAddress {
    let (workers, services) = try await makeWorkers()
    let listener = try await Listener.bind(configuration: configuration, tls: tls, workers: workers, group: group)
    guard let address = listener.address else { throw ChannelError.unknownLocalAddress }
    running.withLockedValue { $0 = Running(listener: listener, workers: workers, services: services) }
    for worker in workers.all { worker.eventLoop.execute { worker.value.startTicking() } }
    return address
  }

  /// Each loop's hub first, then the mailboxes that reach it, then the hub over all of them, and the workers on top.
  private func makeWorkers() async throws -> (WorkerDirectory, Services) {
    var hubs: [NIOLoopBound<LoopHub<SubscriberConnection>>] = []
    for loop in group.makeIterator() {
      hubs.append(try await loop.submit { NIOLoopBound(LoopHub(), eventLoop: loop) }.get())
    }
    let services = Services(
      hub: Hub(
        epoch: SystemClock.newEpoch(), history: configuration.history, mailboxes: hubs.map(Mailbox.init),
        uptime: SystemClock.uptime),
      authorizer: authorizer, logger: logger, connections: ConnectionCount(limit: configuration.maximumConnections),
      now: now)
    var workers: [NIOLoopBound<Worker>] = []
    for hub in hubs {
      let (configuration, loop) = (configuration, hub.eventLoop)
      let worker = loop.submit {
        NIOLoopBound(
          Worker(configuration: configuration, services: services, hub: hub.value, loop: loop), eventLoop: loop)
      }
      workers.append(try await worker.get())
    }
    return (WorkerDirectory(workers), services)
  }

  /// How many connections are open now.
  public var connectionCount: Int { running.withLockedValue { $0?.services.connections.value ?? 0 } }

  /// From now on tokens must be signed with one of `keys`; what is subscribed stays.
  public func replaceKeys(_ keys: [PublicKey]) { authorizer.replaceKeys(keys) }

  /// New connections get this certificate; open ones keep theirs. Without effect on a server that began without TLS.
  public func replaceTLS(_ identity: TLSIdentity) { tls?.replace(with: identity) }

  /// Leaves in good order: nothing new is accepted, requests under way are answered, WebSocket clients are told when to
  /// come back (1001, `reconnect in N ms`). Returns when all connections are gone, after the drain time-out at the
  /// latest.
  public func drain() async {
    guard let running = running.withLockedValue({ $0 }) else { return await stop() }
    await running.listener.close()
    let connections = running.services.connections
    let schedule = DrainSchedule(over: configuration.drainTimeout, clients: connections.value)
    var first = 0
    for worker in running.workers.all {
      let start = first
      let drained = worker.eventLoop.submit {
        defer { worker.value.drain(schedule: schedule, firstIndex: start) }
        return worker.value.connectionCount
      }
      first += (try? await drained.get()) ?? 0
    }
    let clock = ContinuousClock()
    let deadline = clock.now + configuration.drainTimeout
    while connections.value > 0 && clock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
    await stop()
  }

  /// For tests that look inside.
  var workersForTesting: [NIOLoopBound<Worker>] { running.withLockedValue { $0?.workers.all ?? [] } }

  /// Closes everything at once.
  public func stop() async {
    let running = running.withLockedValue { running in
      defer { running = nil }
      return running
    }
    for worker in running?.workers.all ?? [] { worker.eventLoop.execute { worker.value.stopTicking() } }
    await running?.listener.close()
    try? await group.shutdownGracefully()
  }
}
