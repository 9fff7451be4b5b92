import NotifluxProtocol

/// Makes tokens: compact JWS (RFC 7515 §3.1) with ES256.
public struct TokenSigner: Sendable {
  private let key: PrivateKey

  /// Signs with this key.
  public init(key: PrivateKey) {
    self.key = key
  }

  /// The token for `claims`. Its header has `keyID` as `kid`, the key's thumbprint or its name in a JWK Set, so that a
  /// server with many keys tries the right one first. Throws where no server would accept the result: a time that is not finite, or more
  /// than 8 KiB.
  public func sign(_ claims: Claims, keyID: String? = nil) throws(TokenError) -> String {
    var header: JSONObject = ["alg": "ES256", "typ": "JWT"]
    header["kid"] = keyID.map { .string($0) }
    let payload = JSONValue.object(try claims.json()).serialized()
    let signed = Base64URL.encode(JSONValue.object(header).serialized()) + "." + Base64URL.encode(payload)
    let signature: [UInt8]
    do {
      signature = try ES256.sign(Array(signed.utf8), with: key.key)
    } catch {
      throw TokenError("cannot sign the token: \(error.reason)")
    }
    let token = signed + "." + Base64URL.encode(signature)
    guard token.utf8.count <= CompactToken.maximumLength else {
      throw TokenError(
        "the token would have \(token.utf8.count) bytes, at most \(CompactToken.maximumLength) are accepted: "
          + "name fewer topics")
    }
    return token
  }
}

extension Claims {
  /// The payload of a token.
  fileprivate func json() throws(TokenError) -> JSONObject {
    var object = JSONObject()
    object["sub"] = subjectValue
    object["iat"] = try Self.date("iat", issuedAt)
    object["nbf"] = try Self.date("nbf", notBefore)
    object["exp"] = try Self.date("exp", expires)
    object["jti"] = id.map { .string($0) }
    object["topics"] = .array(topics.map { .string($0) })
    object["scope"] = .string(scope.rawValue)
    return object
  }

  private static func date(_ name: String, _ seconds: Double?) throws(TokenError) -> JSONValue? {
    guard let seconds else { return nil }
    guard let number = JSONNumber(seconds) else { throw TokenError("claim \"\(name)\" must be a finite time") }
    return .number(number)
  }
}
