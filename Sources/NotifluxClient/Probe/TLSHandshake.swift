import Glibc
import NIOCore
import NIOSSL
import NIOTLS

/// How one TLS handshake went, by what the TLS library said of it and the certificate that was seen in it. A connection that is
/// lost meanwhile says nothing about certificates.
package enum TLSHandshake: Sendable, Equatable {
  package enum Judgement: Sendable, Equatable {
    case trusted
    /// No authority that is known here vouches for it, or it is out of date.
    case unknownAuthority
    /// An authority vouches for it, but it is for others.
    case wrongName
  }

  /// The server showed a certificate, and this is what clients make of it.
  case judged(TLSFacts, Judgement)
  /// The connection was closed, reset or silent for too long; how, in words.
  case ended(how: String)
  /// The server speaks other protocols than HTTP/1.1 only (RFC 7301 §3.2).
  case noHTTP1
  /// There was no connection, or no TLS on it.
  case failed(ClientError)
}

/// What is known of an encrypted connection once a certificate was seen on it.
package struct TLSFacts: Sendable, Equatable {
  /// `TLS 1.3`.
  package var version: String
  /// Seconds since 1970, both inclusive.
  package var validFrom: Int
  package var validUntil: Int
  /// The DNS names the certificate was issued for; IP addresses are left out.
  package var names: [String]

  package init(version: String, validFrom: Int, validUntil: Int, names: [String]) {
    self.version = version
    self.validFrom = validFrom
    self.validUntil = validUntil
    self.names = names
  }
}

extension Connector {
  /// Connects, shakes hands, looks, and hangs up. The handshake may take as long as `limit`.
  package func shakeHands(within limit: Duration) async -> TLSHandshake {
    let handshake = open().flatMap { [endpoint] channel -> EventLoopFuture<TLSHandshake> in
      let outcome = channel.eventLoop.makePromise(of: TLSHandshake.self)
      do {
        let handler = TLSProbeHandler(endpoint: endpoint, limit: limit, outcome: outcome)
        try channel.pipeline.syncOperations.addHandler(handler)
        try channel.pipeline.syncOperations.addHandler(self.tlsHandler(), position: .first)
      } catch {
        outcome.succeed(TLSHandshake(error, certificate: nil, at: endpoint))
        channel.close(promise: nil)
      }
      return outcome.futureResult
    }
    do { return try await handshake.get() } catch { return .failed(ClientError(error, at: endpoint)) }
  }
}

extension TLSHandshake {
  /// `error` is what ended it; `certificate`, what had been seen until then.
  fileprivate init(_ error: any Error, certificate: TLSFacts?, at endpoint: Endpoint) {
    switch error {
    case NIOSSLError.handshakeFailed(.sslError([.eofDuringHandshake])), NIOSSLError.handshakeFailed(.zeroReturn),
      NIOSSLError.handshakeFailed(.syscallError), NIOSSLError.uncleanShutdown, NIOSSLError.cannotFindPeerIP,
      is ChannelError:
      self = .ended(how: Self.closed)
    case let error as IOError: self = .ended(how: error.errnoCode == ECONNRESET ? "reset" : "\(error)")
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      self = certificate.map { .judged($0, .wrongName) } ?? .failed(ClientError(error, at: endpoint))
    case NIOSSLError.handshakeFailed(.sslError(let stack)):
      // The library has the names of its errors in their descriptions only.
      let names = "\(stack)"
      if let certificate, names.contains(":CERTIFICATE_VERIFY_FAILED") {
        self = .judged(certificate, .unknownAuthority)
      } else if names.contains("ALERT_NO_APPLICATION_PROTOCOL") {
        self = .noHTTP1
      } else {
        self = .failed(ClientError(error, at: endpoint))
      }
    default: self = .failed(ClientError(error, at: endpoint))
    }
  }

  fileprivate static let closed = "closed by the server"
}

extension TLSFacts {
  fileprivate init?(_ handler: NIOSSLClientHandler) {
    guard let certificate = handler.peerCertificate, let version = handler.tlsVersion else { return nil }
    let name =
      switch version {
      case .tlsv1: "TLS 1.0"
      case .tlsv11: "TLS 1.1"
      case .tlsv12: "TLS 1.2"
      case .tlsv13: "TLS 1.3"
      }
    let names = certificate._subjectAlternativeNames().filter { $0.nameType == .dnsName }
    self.init(
      version: name, validFrom: Int(certificate.notValidBefore), validUntil: Int(certificate.notValidAfter),
      names: names.map { String(decoding: $0.contents, as: UTF8.self) })
  }
}

/// Tells how the handshake went, once, and hangs up.
private final class TLSProbeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  private let endpoint: Endpoint
  private let limit: Duration
  private let outcome: EventLoopPromise<TLSHandshake>
  private var timer: Scheduled<Void>?

  init(endpoint: Endpoint, limit: Duration, outcome: EventLoopPromise<TLSHandshake>) {
    self.endpoint = endpoint
    self.limit = limit
    self.outcome = outcome
  }

  func handlerAdded(context: ChannelHandlerContext) {
    let channel = context.channel
    timer = context.eventLoop.scheduleTask(in: TimeAmount(limit)) { [limit, outcome] in
      outcome.succeed(.ended(how: "silent for \(limit.forPeople)"))
      channel.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    guard case TLSUserEvent.handshakeCompleted = event else { return }
    let nothing = ClientError.tls(endpoint, reason: "the server showed no certificate")
    end(context, facts(context).map { .judged($0, .trusted) } ?? .failed(nothing))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    end(context, TLSHandshake(error, certificate: facts(context), at: endpoint))
  }

  func channelInactive(context: ChannelHandlerContext) { end(context, .ended(how: TLSHandshake.closed)) }

  private func end(_ context: ChannelHandlerContext, _ handshake: TLSHandshake) {
    timer?.cancel()
    // What comes after the first outcome is of no interest.
    outcome.succeed(handshake)
    context.close(promise: nil)
  }

  private func facts(_ context: ChannelHandlerContext) -> TLSFacts? {
    (try? context.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)).flatMap { TLSFacts($0) }
  }
}
