import CommandTable
import Glibc
import Logging
import NIOCore
import NotifluxServer

/// A server from its start to its end, as signals steer it.
struct ServeRun {
  let settings: Settings
  let configuration: ServerConfiguration
  let logger: Logger
  /// Bytes: some of the largest messages, with all that is made of them.
  private static let keptMemory = 32 << 20

  /// Returns when the server has gone.
  func run() throws -> ExitCode {
    Machine.shareHeaps(configuration.workers)
    Machine.keepFreedMemory(Self.keptMemory)
    let manager = ServiceManager.takeFromEnvironment(logger: logger)
    let signals = SignalSource.stream(of: [SIGTERM, SIGINT, SIGHUP])
    return try Blocking.wait { try await serve(signals, for: manager) }
  }

  private func serve(_ signals: AsyncStream<Int32>, for manager: ServiceManager?) async throws -> ExitCode {
    let server = Server(configuration: configuration, logger: logger)
    let listening: Server.Listening
    do { listening = try await server.start() } catch {
      await server.stop()
      throw CommandFailure(Self.failureText(error))
    }
    let urls = listening.addresses.map { Self.url(of: $0, isTLS: configuration.tls != nil) }
    let output = await server.outputMethod
    var data: Logger.Metadata = [
      "address": "\(urls.joined(separator: " "))", "workers": "\(configuration.workers)",
      "keys": "\(configuration.keys.count)", "revocations": "\(configuration.revocations.count)",
      "output": "\(output)", "connections": "\(configuration.maximumConnections)", "version": "\(Version.text)",
    ]
    if let admin = listening.admin { data["admin"] = "\(Self.url(of: admin, isTLS: false))" }
    logger.info("listening", metadata: data)
    if settings[ServeCommand.dev] {
      let text = try DevelopmentKeys.find().instructions(url: urls[0], program: Self.programPath)
      try? StandardStream.output.write(text)
    }
    manager?.tell(.ready(url: urls.joined(separator: " ")))
    let watchdog = Task { await manager?.keepWatchdogQuiet { await server.untilEveryLoopHasTurned() } }
    defer { watchdog.cancel() }
    return await steer(server, by: signals, for: manager)
  }

  private func steer(
    _ server: Server, by signals: AsyncStream<Int32>, for manager: ServiceManager?
  ) async -> ExitCode {
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    let forwarding = Task {
      for await signal in signals { continuation.yield(.signal(signal)) }
    }
    defer { forwarding.cancel() }
    var isDraining = false
    for await event in events {
      switch event {
      case .signal(SIGHUP):
        manager?.tell(.reloading)
        reload(server)
        manager?.tell(.reloaded)
      case .signal where isDraining:
        let left = server.connectionCount
        guard left > 0 else { continue }  // It is going anyway.
        logger.warning("stopped before all connections were gone", metadata: ["connections": "\(left)"])
        return .failure
      case .signal:
        isDraining = true
        let connections = server.connectionCount
        logger.info("draining", metadata: ["connections": "\(connections)"])
        manager?.tell(.stopping(connections: connections, limit: configuration.drainTimeout))
        Task {
          await server.drain()
          continuation.yield(.drained)
        }
      case .drained:
        logger.info("stopped")
        return .success
      }
    }
    return .success
  }

  private enum Event {
    case signal(Int32)
    case drained
  }

  /// All files are read before any takes effect.
  private func reload(_ server: Server) {
    do {
      let keys = try ServeCommand.keys(settings)
      let revocations = try ServeCommand.revocations(settings)
      let tls = try ServeCommand.tls(settings)
      server.replaceKeys(keys, revocations: revocations)
      if let tls { server.replaceTLS(tls) }
      server.countReload(isTaken: true)
      // Which files: a setting that has changed since the start counts only from the next start on.
      let files = ServeCommand.files(settings).joined(separator: " ")
      logger.info(
        "keys, certificates and revocations reloaded",
        metadata: ["keys": "\(keys.count)", "revocations": "\(revocations.count)", "files": "\(files)"])
    } catch {
      server.countReload(isTaken: false)
      let reason = (error as? CommandFailure)?.message ?? (error as? UsageError)?.message ?? "\(error)"
      logger.error(
        "keys, certificates and revocations kept, the new ones are not good", metadata: ["reason": "\(reason)"])
    }
  }

  static func failureText(_ error: any Error) -> String {
    guard let failure = error as? ListenFailure else { return "cannot start: \(error)" }
    guard let error = failure.cause as? IOError else { return "cannot listen on \(failure.address): \(failure.cause)" }
    let reason = String(cString: strerror(error.errnoCode))
    let advice =
      switch (error.errnoCode, failure.address) {
      case (EADDRINUSE, .network): "; stop the other program or give another port"
      case (EADDRINUSE, _): "; stop the other program, or remove the file if it is no socket"
      case (EACCES, .network(_, ..<1024)):
        "; a port below 1024 takes the capability CAP_NET_BIND_SERVICE (systemd: AmbientCapabilities=), or a socket that "
          + "systemd hands over (ListenStream=)"
      case (EACCES, .unix): "; its directory must be one that this user may write to"
      case (ENOENT, .unix): "; make its directory first"
      case (EADDRNOTAVAIL, _): "; it must be an address of this machine"
      default: ""
      }
    return "cannot listen on \(failure.address): \(reason)\(advice)"
  }

  private static func url(of address: SocketAddress, isTLS: Bool) -> String {
    guard let host = address.ipAddress else { return "unix:\(address.pathname ?? "")" }
    let shown = host.contains(":") ? "[\(host)]" : host
    return "\(isTLS ? "https" : "http")://\(shown):\(address.port ?? 0)"
  }

  /// How this program can be called from any directory.
  private static var programPath: String {
    guard let name = CommandLine.arguments.first, name.contains("/") else { return "notiflux" }
    return File.absolute(name)
  }
}
