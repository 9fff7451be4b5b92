import NIOSSL

/// A certificate chain and its private key, ready for use.
public struct TLSIdentity: Sendable {
  let context: NIOSSLContext
  /// When the leaf expires, in seconds since 1970.
  let certificateEnd: Int

  /// Reads PEM files: the certificate with its intermediates, leaf first, and the key. Throws which of them is not what, or
  /// that they do not belong together. TLS 1.2 and 1.3, ALPN `http/1.1` (RFC 7301).
  public init(certificateFile: String, keyFile: String) throws(TLSIdentityError) {
    let chain = Self.chain(in: certificateFile)
    guard !chain.isEmpty else {
      throw .noCertificate(certificateFile, isKey: Self.key(in: certificateFile) != nil)
    }
    guard let key = Self.key(in: keyFile) else {
      throw .noPrivateKey(keyFile, isCertificate: !Self.chain(in: keyFile).isEmpty)
    }
    certificateEnd = Int(chain[0].notValidAfter)
    var configuration = TLSConfiguration.makeServerConfiguration(
      certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    do { context = try NIOSSLContext(configuration: configuration) } catch NIOSSLError.failedToLoadPrivateKey {
      // Each was good by itself: the key is not the one of the first certificate.
      throw .mismatch(certificate: certificateFile, key: keyFile, isChain: chain.count > 1)
    } catch {
      throw .unusable(certificate: certificateFile, key: keyFile, reason: "\(error)")
    }
  }

  private static func chain(in file: String) -> [NIOSSLCertificate] { (try? NIOSSLCertificate.fromPEMFile(file)) ?? [] }
  private static func key(in file: String) -> NIOSSLPrivateKey? { try? NIOSSLPrivateKey(file: file, format: .pem) }
}

/// Why there is no TLS identity. Prints as one line that names the file.
public enum TLSIdentityError: Error, Equatable {
  /// The file has no certificate in PEM; `isKey` where it has a private key.
  case noCertificate(String, isKey: Bool)
  /// The file has no private key in PEM, or one under a passphrase; `isCertificate` where it has a certificate.
  case noPrivateKey(String, isCertificate: Bool)
  /// Both are good, and do not belong together; `isChain` where there is more than one certificate.
  case mismatch(certificate: String, key: String, isChain: Bool)
  /// TLS will not have them.
  case unusable(certificate: String, key: String, reason: String)
}

extension TLSIdentityError: CustomStringConvertible {
  /// One line for a person.
  public var description: String {
    switch self {
    case .noCertificate(let file, let isKey):
      isKey
        ? "\(file): this is a private key; give the certificate chain" : "\(file): there is no certificate in it (PEM)"
    case .noPrivateKey(let file, let isCertificate):
      isCertificate
        ? "\(file): this is a certificate; give its private key"
        : "\(file): there is no private key in it (PEM, without a passphrase)"
    case .mismatch(let certificate, let key, let isChain):
      "\(key): the key does not belong to the\(isChain ? " first" : "") certificate in \(certificate)"
        + (isChain ? "; the server's own must stand before its authorities" : "")
    case .unusable(let certificate, let key, let reason): "\(certificate), \(key): not usable for TLS: \(reason)"
    }
  }
}
