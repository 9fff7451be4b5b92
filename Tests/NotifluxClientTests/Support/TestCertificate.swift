import Foundation
import NIOSSL

/// A self-signed certificate and its key, made by the `openssl` program in a directory that goes with it.
final class TestCertificate: Sendable {
  private let directory: URL
  var certificateFile: String { directory.appendingPathComponent("certificate.pem").path }
  private var keyFile: String { directory.appendingPathComponent("key.pem").path }

  /// `names` is a subject alternative name such as `IP:127.0.0.1`.
  init(names: String, isExpired: Bool = false) throws {
    directory = FileManager.default.temporaryDirectory.appendingPathComponent("notiflux-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", keyFile])
    let subject = ["-key", keyFile, "-subj", "/CN=notiflux test", "-addext", "subjectAltName=\(names)"]
    guard isExpired else {
      try openssl(["req", "-x509", "-days", "2", "-out", certificateFile] + subject)
      return
    }
    // Only `openssl ca` can date a certificate back everywhere.
    let (request, configuration) = (path("request.pem"), path("ca.cnf"))
    let settings = """
      [ca]
      default_ca = here
      [here]
      database = \(path("index.txt"))
      new_certs_dir = \(directory.path)
      rand_serial = yes
      default_md = sha256
      policy = any
      copy_extensions = copy
      [any]
      commonName = supplied
      """
    try Data(settings.utf8).write(to: URL(fileURLWithPath: configuration))
    try Data().write(to: URL(fileURLWithPath: path("index.txt")))
    try openssl(["req", "-new", "-out", request] + subject)
    try openssl([
      "ca", "-batch", "-selfsign", "-config", configuration, "-keyfile", keyFile, "-in", request, "-notext",
      "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-out", certificateFile,
    ])
  }

  deinit { try? FileManager.default.removeItem(at: directory) }

  func serverContext() throws -> NIOSSLContext {
    try NIOSSLContext(
      configuration: .makeServerConfiguration(
        certificateChain: NIOSSLCertificate.fromPEMFile(certificateFile).map { .certificate($0) },
        privateKey: .privateKey(NIOSSLPrivateKey(file: keyFile, format: .pem))))
  }

  private func path(_ name: String) -> String { directory.appendingPathComponent(name).path }
}
