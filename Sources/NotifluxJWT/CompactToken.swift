import NotifluxProtocol

/// A token taken apart (compact JWS, RFC 7515 §7.1) with every reason why its form alone is refused.
///
/// Reading goes on after a fault as far as it can, so that `token inspect` can show all of them; a verifier stops at the
/// first one. Messages quote nothing of the token.
struct CompactToken {
  /// In bytes; a longer one is refused unread.
  static let maximumLength = 8192

  /// What was signed: the first two parts and the dot between them.
  private(set) var signedBytes: ArraySlice<UInt8> = []
  /// Nil where base64url or JSON is broken.
  private(set) var header: JSONObject?
  /// The JSON is not looked at before the signature is known to be good.
  private(set) var payload: [UInt8]?
  private(set) var signature: [UInt8]?
  private(set) var problems: [Refusal] = []

  init(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else {
      problems = [Refusal(.tokenMissing, "a token is needed and there is none")]
      return
    }
    guard bytes.count <= Self.maximumLength else {
      malformed("token has \(bytes.count) bytes; at most \(Self.maximumLength) are accepted")
      return
    }
    let dots = Self.dots(in: bytes)
    guard dots.count == 2 else {
      malformed(
        "token has \(dots.count + 1) part\(dots.count == 0 ? "" : "s"); a signed token has three, joined by dots")
      return
    }
    signedBytes = bytes[..<dots.last]
    let headerBytes = decode(bytes[..<dots.first], "header")
    payload = decode(bytes[(dots.first + 1)..<dots.last], "payload")
    signature = decode(bytes[(dots.last + 1)...], "signature")
    if let headerBytes { readHeader(headerBytes) }
    if let signature { judgeLength(signature) }
  }

  private static func dots(in bytes: [UInt8]) -> (first: Int, last: Int, count: Int) {
    var (first, last, count) = (0, 0, 0)
    for index in bytes.indices where bytes[index] == UInt8(ascii: ".") {
      if count == 0 { first = index }
      last = index
      count += 1
    }
    return (first, last, count)
  }

  private mutating func decode(_ part: ArraySlice<UInt8>, _ name: String) -> [UInt8]? {
    do {
      return try Base64URL.decode(part)
    } catch {
      malformed("token \(name) is not base64url without padding: it has \(error.message)")
      return nil
    }
  }

  private mutating func readHeader(_ bytes: [UInt8]) {
    do {
      guard case .object(let object) = try JSONValue.parse(bytes) else {
        malformed("token header is not a JSON object")
        return
      }
      header = object
      problems += TokenHeader.problems(of: object)
    } catch {
      malformed("token header is not acceptable JSON: \(error.messageWithoutNames)")
    }
  }

  private mutating func judgeLength(_ signature: [UInt8]) {
    if signature.isEmpty {
      problems.append(Refusal(.tokenSignature, "token is not signed; sign it with ES256"))
    } else if signature.count != ES256.signatureLength {
      problems.append(
        Refusal(
          .tokenSignature,
          "token signature has \(signature.count) bytes; ES256 makes \(ES256.signatureLength) (r and s, not DER)"))
    }
  }

  private mutating func malformed(_ message: String) {
    problems.append(Refusal(.tokenMalformed, message))
  }
}

extension JSONError {
  /// The message without a member's name, which would be a part of a token or key.
  var messageWithoutNames: String {
    if case .duplicateMember = reason { "duplicate member at byte \(offset)" } else { message }
  }
}
