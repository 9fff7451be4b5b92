import NIOCore
import NIOSSL

/// How far a server's certificate is checked.
package enum CertificateTrust: Sendable {
  case full
  /// All but whom it was issued for.
  case anyName
  /// Not at all: to see what a server that nobody should trust has to show. Nothing secret may be sent to one.
  case nothing

  var verification: CertificateVerification {
    switch self {
    case .full: .fullVerification
    case .anyName: .noHostnameVerification
    case .nothing: .none
    }
  }
}

/// What is known of an encrypted connection once its handshake is done.
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
  /// Connects, shakes hands, looks, and hangs up. Fails as ``connect()`` does, and for an endpoint without TLS.
  package func inspectTLS() async throws(ClientError) -> TLSFacts {
    let facts = connect().flatMapThrowing { [endpoint] channel -> TLSFacts in
      defer { channel.close(promise: nil) }
      let handler = try channel.pipeline.syncOperations.handler(type: NIOSSLClientHandler.self)
      guard let certificate = handler.peerCertificate, let version = handler.tlsVersion else {
        throw ClientError.tls(endpoint, reason: "the server showed no certificate")
      }
      return TLSFacts(version, certificate)
    }
    do { return try await facts.get() } catch { throw ClientError(error, at: endpoint) }
  }
}

extension TLSFacts {
  fileprivate init(_ version: TLSVersion, _ certificate: NIOSSLCertificate) {
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
