import NotifluxProtocol

@testable import NotifluxJWT

/// Tokens. The first byte says what is done with the rest: it is a token; it changes a good one; it is a header and a
/// payload, parted by a line feed, that are signed as they are.
///
/// The key is a new one in each process, so that no input can hold its signature.
enum Tokens: FuzzTarget {
  static let name = "tokens"

  private static let now = 1000.0
  private static let key: PrivateKey = {
    do { return try PrivateKey.generate() } catch { violated("a key is made: \(error)") }
  }()
  private static let publicKeys: KeySet = [key.publicKey]
  private static let verifier = TokenVerifier(keys: publicKeys)
  private static let good = Array(
    signed(#"{"alg":"ES256","typ":"JWT"}"#.utf8, #"{"exp":2000,"topics":["a","b"],"scope":"subscribe"}"#.utf8).utf8)

  static func prepare() { require(accepts(good) != nil, "the good token is accepted") }

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    switch choices.byte() % 3 {
    case 0: require(accepts(Array(choices.rest)) == nil, "what nobody signed is refused")
    case 1: checkForgery(&choices)
    default: checkSigned(choices.rest)
    }
  }

  /// What is left of a good token after changes is accepted only if all that was signed is as it was.
  private static func checkForgery(_ choices: inout Choices) {
    var token = good
    while choices.rest.count >= 3, !token.isEmpty {
      let place = (Int(choices.byte()) << 8 | Int(choices.byte())) % token.count
      let byte = choices.byte()
      switch byte {
      case 0: token.remove(at: place)
      case 1: token.insert(UInt8(ascii: "A"), at: place)
      case 2: token = Array(token[..<place])
      default: token[place] = byte
      }
    }
    guard accepts(token) != nil else { return }
    require(token == good, "a changed token is refused: \(String(decoding: token, as: UTF8.self))")
  }

  /// A good signature does not excuse a bad header or bad claims.
  private static func checkSigned(_ bytes: ArraySlice<UInt8>) {
    let parts = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2 else { return }
    guard let claims = accepts(Array(signed(parts[0], parts[1]).utf8)) else { return }
    guard case .object(let header)? = try? JSONValue.parse(Array(parts[0])),
      case .object(let payload)? = try? JSONValue.parse(Array(parts[1]))
    else { violated("header and payload are objects") }
    require(header["alg"] == .string("ES256"), "the algorithm is ours")
    for name in ["crit", "jwk", "jku", "x5u", "x5c"] { require(header[name] == nil, "the header has no \(name)") }
    require(payload["exp"]?.number?.double.map { $0 > now } == true, "it has not expired")
    require(payload["nbf"].map { $0.number?.double.map { $0 <= now } == true } ?? true, "it has begun")
    require(payload["topics"]?.array?.map { $0.string } == claims.topics, "the topics are those of the token")
    require(payload["scope"] == .string(claims.scope.rawValue), "the scope is that of the token")
    require(payload["aud"] == nil, "it is for no one else")
  }

  /// The claims of a token that is accepted now. Inspecting it has to come to the same, with the same reason first.
  private static func accepts(_ token: [UInt8]) -> Claims? {
    let inspection = TokenInspection(of: String(decoding: token, as: UTF8.self), keys: publicKeys, now: now)
    for refusal in inspection.refusals { check(refusal, of: token) }
    do throws(Refusal) {
      let claims = try verifier.verify(token, now: now)
      require(inspection.refusals.isEmpty && inspection.signature == .good, "inspecting it comes to the same")
      checkUse(claims)
      return claims
    } catch {
      check(error, of: token)
      if String(validating: token, as: UTF8.self) != nil {
        require(inspection.refusals.first == error, "inspecting it gives the same reason: \(inspection.refusals)")
      }
      return nil
    }
  }

  private static func checkUse(_ claims: Claims) {
    for scope in Scope.allCases {
      for name in claims.topics + ["b"] {
        guard let topic = try? Topic(name) else { continue }
        let isAllowed = scope == claims.scope && claims.topics.contains { $0.hasSameBytes(as: name) }
        let isGranted = (try? claims.check(scope: scope, topics: [topic], now: now, leeway: 0)) != nil
        require(isGranted == isAllowed, "it opens its topics for its scope, and nothing else")
      }
    }
  }

  /// A refusal is a line for a person, and quotes nothing of the token.
  private static func check(_ refusal: Refusal, of token: [UInt8]) {
    require(isOneLine(refusal.message), "a refusal is one line")
    for part in token.split(separator: UInt8(ascii: ".")) where part.count >= 24 && part.allSatisfy(isDigit) {
      require(!refusal.message.contains(String(decoding: part, as: UTF8.self)), "a refusal quotes nothing of the token")
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (try? Base64URL.decode([byte, byte, byte, byte])) != nil }

  private static func signed(_ header: some Sequence<UInt8>, _ payload: some Sequence<UInt8>) -> String {
    let parts = Base64URL.encode(header) + "." + Base64URL.encode(payload)
    do { return parts + "." + Base64URL.encode(try ES256.sign(Array(parts.utf8), with: key.key)) } catch {
      violated("a signature is made: \(error)")
    }
  }
}
