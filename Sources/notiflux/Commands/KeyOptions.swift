import CommandTable
import NotifluxJWT

/// The rows by which commands are given a private key, and what they amount to.
enum KeyOptions {
  static let key = Option(
    "key", short: "k", .file, environment: "NOTIFLUX_PRIVATE_KEY_FILE",
    help: "Sign tokens with the private key in FILE (PEM)",
    details: ["PKCS#8 or SEC1, on the curve P-256, as `notiflux keygen` and `openssl ecparam` make them."])
  static let keyBase64 = Option(
    variable: "NOTIFLUX_PRIVATE_KEY_B64", .text("BASE64"),
    help: "The private key as base64 of its PEM file, unless a file is given", isSecret: true)

  static let rows: [any OptionRow] = [key, keyBase64]

  /// `nil` when none of the rows was given.
  static func privateKey(_ settings: Settings) throws -> PrivateKey? {
    if let path = settings[key] { return try KeyFile.privateKey(path) }
    if let base64 = settings[keyBase64] {
      return try KeyFile.privateKey(base64: base64, from: "NOTIFLUX_PRIVATE_KEY_B64")
    }
    return nil
  }
}
