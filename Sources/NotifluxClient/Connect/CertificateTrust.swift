import NIOSSL

/// How far a server's certificate is checked.
package enum CertificateTrust: Sendable {
  case full
  /// Not at all: to see what a server that nobody should trust has to show. Nothing secret may be sent to one.
  case nothing

  var verification: CertificateVerification {
    switch self {
    case .full: .fullVerification
    case .nothing: .none
    }
  }
}
