import CommandTable
import NotifluxJWT
import NotifluxProtocol

/// Keys as files and environment variables hold them. Errors name the place, never what stands there.
enum KeyFile {
  /// `base64` is that of a whole PEM file.
  static func publicKeys(base64: String, from variable: String) throws -> [PublicKey] {
    try publicKeys(try decode(base64, from: variable), from: variable)
  }

  /// The keys of PEM files and of JWK Sets, with the names that they have there.
  static func keySet(pem: [String], jwks: [String]) throws -> KeySet {
    var keys = KeySet(try pem.flatMap { try publicKeys($0) })
    for path in jwks {
      let text = try File.read(path)
      do { keys.formUnion(try KeySet(jwks: text)) } catch { throw CommandFailure("\(path): \(error)") }
    }
    return keys
  }

  static func privateKey(_ path: String) throws -> PrivateKey {
    try privateKey(try File.read(path), from: path)
  }

  static func privateKey(base64: String, from variable: String) throws -> PrivateKey {
    try privateKey(try decode(base64, from: variable), from: variable)
  }

  private static func publicKeys(_ path: String) throws -> [PublicKey] {
    try publicKeys(try File.read(path), from: path)
  }

  private static func publicKeys(_ pem: [UInt8], from place: String) throws -> [PublicKey] {
    do { return try PublicKey.all(inPEM: pem) } catch { throw CommandFailure("\(place): \(error)") }
  }

  private static func privateKey(_ pem: [UInt8], from place: String) throws -> PrivateKey {
    do { return try PrivateKey(pem: pem) } catch { throw CommandFailure("\(place): \(error)") }
  }

  private static func decode(_ base64: String, from variable: String) throws(CommandFailure) -> [UInt8] {
    do { return try Base64.decode(base64) } catch {
      throw CommandFailure(
        "\(variable): this is not base64; make it with base64 -w0 FILE (bad character at position \(error.offset + 1))")
    }
  }
}
