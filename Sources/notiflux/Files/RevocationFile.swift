import NotifluxJWT

/// A revocation list as a file holds it. Errors name the file and the line, never what stands there.
enum RevocationFile {
  /// In bytes; some 400,000 tokens.
  private static let maximumSize = 16 << 20

  static func read(_ path: String) throws -> RevocationList {
    let text = try File.read(path, maximumSize: maximumSize)
    do { return try RevocationList(text) } catch { throw CommandFailure("\(path), \(error)") }
  }
}
