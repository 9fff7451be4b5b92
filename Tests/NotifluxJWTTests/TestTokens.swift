import NotifluxProtocol

@testable import NotifluxJWT

/// Tokens for tests: good ones, and ones that our signer would never make, with a good signature on them.
enum TestTokens {
  static func privateKey() throws -> PrivateKey { try PrivateKey(pem: KeyFixture.pkcs8) }
  static func verifier(leeway: Double = 0) throws -> TokenVerifier {
    TokenVerifier(keys: [try PublicKey(pem: KeyFixture.publicKey)], leeway: leeway)
  }

  static let header = #"{"alg":"ES256","typ":"JWT"}"#
  static let payload = #"{"exp":1000,"topics":["news","a b"],"scope":"subscribe"}"#

  /// Header and payload, whatever they are, signed with the fixture key.
  static func signed(header: String = header, payload: String = payload) throws -> String {
    try signed(parts: Base64URL.encode(header.utf8) + "." + Base64URL.encode(payload.utf8))
  }

  /// The first two parts, whatever they are, signed with the fixture key.
  static func signed(parts: String) throws -> String {
    parts + "." + Base64URL.encode(try ES256.sign(Array(parts.utf8), with: privateKey().key))
  }

  /// The refusal of a token, nil if it is accepted.
  static func refusal(of token: String, now: Double = 500) throws -> Refusal? {
    let verifier = try verifier()
    do throws(Refusal) {
      _ = try verifier.verify(token, now: now)
      return nil
    } catch {
      return error
    }
  }
}

/// SplitMix64: the same numbers for the same seed, everywhere.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
