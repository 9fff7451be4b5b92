import Logging
import NIOConcurrencyHelpers
import NIOCore
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
    let acceptor: any Acceptor
    let workers: [LoopBound<Worker>]
    let services: Services
    let admin: AdminSite?
  }

  /// Where a server listens, as it turned out.
  public struct Listening: Sendable {
    /// For clients, in the order of ``ServerConfiguration/addresses``, with the ports that were really taken.
    public let addresses: [SocketAddress]
    /// For ``ServerConfiguration/adminAddress``.
    public let admin: SocketAddress?
  }

  private let configuration: ServerConfiguration
  private let logger: Logger
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
    tls = configuration.tls.map(TLSContextBox.init)
    authorizer = Authorizer(
      keys: configuration.keys, revocations: configuration.revocations, leeway: configuration.leeway,
      threads: configuration.workers,
      rates: AuthRates(
        publishing: configuration.publishRate, badTokens: configuration.badTokenRate,
        badTokensPerAddress: configuration.badTokenRatePerAddress),
      now: now)
  }

  /// Binds and serves. Throws a ``ListenFailure``.
  @discardableResult
  public func start() async throws -> Listening {
    let acceptor: any Acceptor =
      if let tls { ChannelAcceptor(configuration: configuration, tls: tls, logger: logger) } else {
        try SocketAcceptor(
          configuration.addresses, loops: configuration.workers, name: "notiflux",
          allowsRing: configuration.usesIOURing, logger: logger)
      }
    let census = TopicCensus()
    let (workers, services) = makeWorkers(on: acceptor.loops, census: census)
    let overview = Overview(
      workers: workers, services: services, census: census, version: configuration.version, tls: tls)
    let admin = try configuration.adminAddress.map {
      try AdminSite($0, overview: overview, services: services, logger: logger)
    }
    running.withLockedValue {
      $0 = Running(acceptor: acceptor, workers: workers, services: services, admin: admin)
    }
    let tick = configuration.tick
    for worker in workers { worker.loop.execute { worker.value.start(ticking: tick) } }
    // Who operates the server can see it before clients do.
    let adminAddress = try await admin?.listen()
    return Listening(addresses: try await acceptor.listen(workers: workers), admin: adminAddress)
  }

  /// Each loop's hub first, then the mailboxes that reach it, then the hub over all of them, and the workers on top.
  private func makeWorkers(on loops: [any WorkerLoop], census: TopicCensus) -> ([LoopBound<Worker>], Services) {
    let hubs = loops.enumerated().map { index, loop in
      LoopBound(LoopHub<SubscriberConnection>(census: census, watchesTopics: index == 0), loop: loop)
    }
    let services = Services(
      hub: Hub(
        epoch: SystemClock.newEpoch(), history: configuration.history, mailboxes: hubs.map(Mailbox.init),
        uptime: SystemClock.uptime),
      authorizer: authorizer, logger: logger,
      connections: ConnectionCount(
        limit: configuration.maximumConnections, limitPerAddress: configuration.maximumConnectionsPerAddress,
        proxies: configuration.trustedProxies),
      requestMemory: RequestMemory(limit: configuration.maximumRequestMemory),
      largeMessages: LargeMessages(threads: configuration.workers),
      now: now)
    let workers = hubs.enumerated().map { index, hub in
      let worker = Worker(
        configuration: configuration, services: services, hub: hub.given, loop: hub.loop, index: index)
      return LoopBound(worker, loop: hub.loop)
    }
    return (workers, services)
  }

  /// By which system calls messages leave: `io_uring`, `send` and why, or `tls`. Empty before ``start()``.
  public var outputMethod: String {
    get async { await running.withLockedValue { $0?.acceptor }?.outputMethod ?? "" }
  }

  /// How many connections are open now.
  public var connectionCount: Int { running.withLockedValue { $0?.services.connections.value ?? 0 } }

  /// Returns when every event loop has turned since the call, so not while one of them hangs. One that has ended counts as
  /// turning.
  package func untilEveryLoopHasTurned() async {
    for worker in running.withLockedValue({ $0?.workers ?? [] }) { _ = await worker.loop.run {} }
  }

  /// From now on tokens must be signed with one of `keys` and not be among `revocations`, both from the same moment on.
  /// A token that is good before and after is never refused. Who has subscribed with one that is revoked is closed; who
  /// has with one whose key is gone stays, as one does whose token expires.
  public func replaceKeys(_ keys: KeySet, revocations: RevocationList) {
    authorizer.replaceKeys(keys, revocations: revocations)
    guard revocations.count > 0 else { return }
    for worker in running.withLockedValue({ $0?.workers ?? [] }) {
      worker.loop.execute { worker.value.revoke(by: revocations) }
    }
  }

  /// New connections get this certificate; open ones keep theirs. Without effect on a server that began without TLS.
  public func replaceTLS(_ identity: TLSIdentity) { tls?.replace(with: identity) }

  /// For the metrics: whoever embeds the server has read its files anew, and they were good or not.
  public func countReload(isTaken: Bool) {
    running.withLockedValue { $0?.services.reloads }?.count(isTaken: isTaken)
  }

  /// Leaves in good order: nothing new is accepted, requests under way are answered, and then subscribers, who have been
  /// sent all that was accepted, are told when to come back (1001, `reconnect in N ms`). Returns when all connections are
  /// gone, after the drain time-out at the latest.
  public func drain() async {
    guard let running = running.withLockedValue({ $0 }) else { return await stop() }
    running.services.readiness.drain()
    await running.acceptor.stopListening()
    let start = ContinuousClock.now
    await finishRequests(of: running.workers, until: start + configuration.drainTimeout / 2)
    let connections = running.services.connections
    let schedule = DrainSchedule(over: configuration.drainTimeout, clients: connections.value)
    var first = 0
    for worker in running.workers {
      let start = first
      let drained = await worker.loop.run {
        let count = worker.value.connectionCount
        worker.value.drain(schedule: schedule, firstIndex: start)
        return count
      }
      first += drained ?? 0
    }
    await wait(until: start + configuration.drainTimeout) { connections.value == 0 }
    await stop()
  }

  /// A message that is accepted must find its subscribers, so they stay while one still may be, on whichever worker.
  private func finishRequests(of workers: [LoopBound<Worker>], until deadline: ContinuousClock.Instant) async {
    for worker in workers { _ = await worker.loop.run { worker.value.refuseRequests() } }
    for worker in workers {
      await wait(until: deadline) { await worker.loop.run { worker.value.lobby.waitsForClients } ?? true }
    }
  }

  /// Returns when `condition` holds, at the deadline at the latest.
  private func wait(until deadline: ContinuousClock.Instant, for condition: () async -> Bool) async {
    while await !condition(), ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
  }

  /// For tests that look inside.
  var workersForTesting: [LoopBound<Worker>] { running.withLockedValue { $0?.workers ?? [] } }

  /// Closes everything at once.
  public func stop() async {
    let running = running.withLockedValue { running in
      defer { running = nil }
      return running
    }
    if let running {
      await running.acceptor.stopListening()
      for worker in running.workers {
        _ = await worker.loop.run {
          worker.loop.stopTicking()
          worker.value.closeAll()
        }
      }
      await running.acceptor.stop()
      await running.admin?.stop()
      running.services.largeMessages.stop()
    }
    authorizer.stop()
  }
}
