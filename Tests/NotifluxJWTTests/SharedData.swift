import Foundation
import NotifluxProtocol
import Testing

@testable import NotifluxJWT

/// Test vectors that nobody here wrote; they lie beside the checkout, in `../shared/data` of the package, and are not a
/// part of it.
enum SharedData {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared/data")

  static let isThere = FileManager.default.fileExists(atPath: folder.path)

  /// For `.enabled(if:_:)`.
  static let comment: Comment = "the vectors in ../shared/data (beside the checkout) are missing"

  static func json(_ path: String) throws -> JSONValue {
    try JSONValue.parse(Array(try Data(contentsOf: folder.appendingPathComponent(path))))
  }
}

extension JSONValue {
  /// The member of an object, or the element named by it; a test fails where it is missing.
  func required(_ name: String) throws -> JSONValue {
    try #require(object?[name], "member \(name)")
  }

  func text(_ name: String) throws -> String {
    try #require(try required(name).string, "member \(name)")
  }

  func list(_ name: String) throws -> [JSONValue] {
    try #require(try required(name).array, "member \(name)")
  }
}

extension PublicKey {
  /// The key of a JWK with `x` and `y` on P-256.
  init(jwk: JSONValue) throws {
    try self.init(x: Base64URL.decode(jwk.text("x")), y: Base64URL.decode(jwk.text("y")))
  }
}
