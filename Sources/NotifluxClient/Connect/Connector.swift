import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// Opens connections to one endpoint: name resolution, TCP by happy eyeballs (RFC 8305), TLS where the scheme asks for
/// it. What is spoken on them is not known here.
package final class Connector: Sendable {
  let endpoint: Endpoint
  let eventLoop: any EventLoop
  private let timeout: TimeAmount
  private let caFile: String?
  private let address: SocketAddress?
  private let trust: CertificateTrust
  /// Made once, on the first connection: reading the trust roots takes milliseconds.
  private let tlsContext = NIOLockedValueBox<NIOSSLContext?>(nil)

  /// Set before the event loop may stop: nothing must be asked of it afterwards.
  private let hasShutDown = Atomic(false)

  /// With `address` no name is resolved; it is the endpoint's all the same.
  package init(
    endpoint: Endpoint, eventLoop: any EventLoop, configuration: ClientConfiguration, address: SocketAddress? = nil,
    trust: CertificateTrust = .full
  ) {
    self.endpoint = endpoint
    self.eventLoop = eventLoop
    timeout = TimeAmount(configuration.connectTimeout)
    caFile = configuration.caFile
    self.address = address ?? (try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port))
    self.trust = trust
  }

  var isShutDown: Bool { hasShutDown.load(ordering: .acquiring) }

  /// Returns `false` if that has happened before.
  func shutDown() -> Bool { !hasShutDown.exchange(true, ordering: .acquiringAndReleasing) }

  /// A connection on ``eventLoop`` that is ready to be written to, after the TLS handshake where there is one. Fails
  /// with a ``ClientError`` only.
  func connect() -> EventLoopFuture<any Channel> {
    open().flatMap { [endpoint] channel in
      endpoint.isTLS ? self.secure(channel) : channel.eventLoop.makeSucceededFuture(channel)
    }
    .flatMapErrorThrowing { [endpoint] error in throw ClientError(error, at: endpoint) }
  }

  /// TCP alone. Fails with anything.
  func open() -> EventLoopFuture<any Channel> {
    let bootstrap = ClientBootstrap(group: eventLoop)
      .connectTimeout(timeout)
      .channelOption(.tcpOption(.tcp_nodelay), value: 1)
    return address.map { bootstrap.connect(to: $0) } ?? bootstrap.connect(host: endpoint.host, port: endpoint.port)
  }

  private func secure(_ channel: any Channel) -> EventLoopFuture<any Channel> {
    let ready = channel.eventLoop.makePromise(of: Void.self)
    do {
      let tls = try tlsHandler()
      let readiness = TLSReadiness(endpoint: endpoint, timeout: timeout, ready: ready)
      try channel.pipeline.syncOperations.addHandlers(readiness)
      try channel.pipeline.syncOperations.addHandler(tls, position: .first)
    } catch {
      ready.fail(error)
      channel.close(promise: nil)
    }
    return ready.futureResult.map { channel }
  }

  /// What encrypts one connection, and judges the server's certificate.
  func tlsHandler() throws -> NIOSSLClientHandler {
    let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
    // An IP address is never sent as a server name (RFC 6066 §3); it is looked up in the certificate all the same.
    return try NIOSSLClientHandler(context: context(), serverHostname: address == nil ? endpoint.host : nil)
  }

  private func context() throws(ClientError) -> NIOSSLContext {
    let result: Result<NIOSSLContext, ClientError> = tlsContext.withLockedValue { kept in
      if let kept { return .success(kept) }
      do {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.applicationProtocols = ["http/1.1"]
        configuration.certificateVerification = trust.verification
        if let caFile { configuration.additionalTrustRoots = [.certificates(try authorities(in: caFile))] }
        let made = try NIOSSLContext(configuration: configuration)
        kept = made
        return .success(made)
      } catch {
        return .failure(ClientError(error, at: endpoint))
      }
    }
    return try result.get()
  }

  private func authorities(in file: String) throws(ClientError) -> [NIOSSLCertificate] {
    let certificates = try? NIOSSLCertificate.fromPEMFile(file)
    guard let certificates, !certificates.isEmpty else {
      throw .tls(endpoint, reason: "the CA file \"\(file)\" cannot be read as PEM certificates; check it")
    }
    return certificates
  }
}

/// Completes `ready` when the TLS handshake does, and leaves; or fails it with the plainest reason there is. Of several
/// outcomes the first counts.
private final class TLSReadiness: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer

  private let endpoint: Endpoint
  private let timeout: TimeAmount
  private let ready: EventLoopPromise<Void>
  private var timer: Scheduled<Void>?

  init(endpoint: Endpoint, timeout: TimeAmount, ready: EventLoopPromise<Void>) {
    self.endpoint = endpoint
    self.timeout = timeout
    self.ready = ready
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: timeout) { [endpoint, timeout, ready] in
      let limit = Duration(timeout).forPeople
      ready.fail(ClientError.timedOut(endpoint, reason: "no TLS handshake within \(limit)"))
      channel.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event {
      timer?.cancel()
      context.pipeline.syncOperations.removeHandler(context: context, promise: nil)
      ready.succeed(())
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let seen = try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self).peerCertificate
    ready.fail(ClientError(error, at: endpoint, certificate: seen))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    timer?.cancel()
    ready.fail(ClientError.hungUp(endpoint))
    context.fireChannelInactive()
  }
}
