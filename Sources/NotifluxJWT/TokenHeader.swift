import NotifluxProtocol

/// The rules for a token's header (JOSE header, RFC 7515 §4).
///
/// Which code: a header that cannot be read or asks for what we never do is `token_malformed`; an `alg` other than ES256
/// is `token_signature`, since whatever stands in the third part, it is no signature we accept.
enum TokenHeader {
  /// Every reason to refuse a token with this header.
  static func problems(of header: JSONObject) -> [Refusal] {
    var problems: [Refusal] = []
    func malformed(_ message: String) { problems.append(Refusal(.tokenMalformed, message)) }

    switch header["alg"] {
    case nil: malformed("token header has no \"alg\"; it must be \"ES256\"")
    case .string(let name)?:
      if !name.hasSameBytes(as: "ES256") { problems.append(foreignAlgorithm(name)) }
    case let other?: malformed("token header \"alg\" is \(other.kind); it must be \"ES256\"")
    }
    if header["crit"] != nil {
      malformed("token header has \"crit\"; no extension is understood: leave it out")
    }
    for name in ["jwk", "jku", "x5u", "x5c"] where header[name] != nil {
      malformed("token header brings a key of its own (\"\(name)\"); only configured keys count: leave it out")
    }
    if let encoding = header["b64"], encoding != .bool(true) {
      malformed("token header \"b64\" asks for an unencoded payload: leave it out")
    }
    for name in ["kid", "typ"] {
      if let value = header[name], value.string == nil {
        malformed("token header \"\(name)\" is \(value.kind); it must be a string")
      }
    }
    return problems
  }

  private static func foreignAlgorithm(_ name: String) -> Refusal {
    if name.hasSameBytes(as: "none") {
      return Refusal(.tokenSignature, "token is not signed (alg \"none\"); only ES256 is accepted")
    }
    let known = ["HS", "RS", "PS", "ES"].flatMap { family in ["256", "384", "512"].map { family + $0 } }
    let shown = (known + ["ES256K", "EdDSA", "Ed25519"]).contains { $0.hasSameBytes(as: name) }
    return Refusal(
      .tokenSignature, "token is signed with \(shown ? name : "another algorithm"); only ES256 is accepted")
  }
}
