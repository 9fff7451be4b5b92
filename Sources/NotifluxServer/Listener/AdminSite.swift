import Logging
import NIOCore

/// What is served to who operates the server: on a loop of its own, so that it answers while the others are busy, full
/// or draining, and with connections that do not count among the clients'.
struct AdminSite: Sendable {
  /// A scraper, its spare, and some people with a browser.
  private static let maximumConnections = 64

  private let acceptor: SocketAcceptor
  private let worker: LoopBound<Worker>

  /// Starts the loop's thread.
  init(_ address: ListenAddress, overview: Overview, services: Services, logger: Logger) throws {
    acceptor = try SocketAcceptor([address], loops: 1, name: "notiflux-admin", allowsRing: false, logger: logger)
    var configuration = ServerConfiguration(keys: [])
    configuration.maximumMessageSize = 1024
    let loop = acceptor.loops[0]
    let worker = Worker(
      configuration: configuration, services: services.forAdmin(connections: Self.maximumConnections), hub: LoopHub(),
      loop: loop, site: .admin(overview))
    self.worker = LoopBound(worker, loop: loop)
  }

  func listen() async throws -> SocketAddress {
    let worker = worker
    worker.loop.execute { worker.value.start(ticking: .seconds(1)) }
    return try await acceptor.listen(workers: [worker])[0]
  }

  func stop() async {
    await acceptor.stopListening()
    let worker = worker
    _ = await worker.loop.run {
      worker.loop.stopTicking()
      worker.value.closeAll()
    }
    await acceptor.stop()
  }
}

extension Services {
  /// The same hub, with counts of its own.
  fileprivate func forAdmin(connections: Int) -> Services {
    var services = self
    services.connections = ConnectionCount(limit: connections)
    services.requestMemory = RequestMemory(limit: 1 << 20)
    return services
  }
}
