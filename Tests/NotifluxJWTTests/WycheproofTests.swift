import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("Wycheproof", .enabled(if: SharedData.isThere, SharedData.comment))
struct WycheproofTests {
  @Test("ECDSA on P-256 with r‖s: every vector is accepted or refused as it must be")
  func ecdsa() throws {
    let file = try SharedData.json("wycheproof/wycheproof_ecdsa_secp256r1_sha256_p1363_test.json")
    var counts: [String: Int] = [:]
    for group in try file.list("testGroups") {
      let key = try PublicKey(pem: group.text("publicKeyPem"))
      for test in try group.list("tests") {
        let message = try bytes(test.text("msg"))
        let signature = try bytes(test.text("sig"))
        let result = try test.text("result")
        let name = try "tcId \(test.required("tcId").number?.text ?? "unknown")"
        let accepted = ES256.isValid(signature, of: message[...], by: key.key)
        #expect(accepted == (result == "valid"), "\(name)")
        if signature.count != 64 { #expect(!accepted) }
        counts[result, default: 0] += 1
      }
    }
    #expect(counts == ["valid": 173, "invalid": 89])
  }

  @Test("JWS with ES256: every vector is accepted or refused as it must be")
  func jws() throws {
    let file = try SharedData.json("wycheproof/wycheproof_json_web_signature_test.json")
    var counts: [String: Int] = [:]
    for group in try file.list("testGroups") {
      guard let jwk = group.object?["public"], jwk.object?["crv"] == "P-256" else { continue }
      // `use` and `key_ops` of a JWK say that the key must not sign; a PEM key, the only kind read here, says no such thing.
      guard jwk.object?["alg"] == "ES256" else { continue }
      let key = try PublicKey(jwk: jwk)
      for test in try group.list("tests") {
        let result = try test.text("result")
        let name = try "tcId \(test.required("tcId").number?.text ?? "unknown")"
        #expect(try isAccepted(test.text("jws"), key) == (result == "valid"), "\(name)")
        counts[result, default: 0] += 1
      }
    }
    #expect(counts == ["valid": 2, "invalid": 37])
  }

  @Test("JWS with any other algorithm is refused, valid or not, with any key of ours")
  func otherAlgorithms() throws {
    let file = try SharedData.json("wycheproof/wycheproof_json_web_signature_test.json")
    let key = try PublicKey(pem: KeyFixture.publicKey)
    var count = 0
    for group in try file.list("testGroups") {
      for test in try group.list("tests") {
        let refusals = TokenInspection(of: try test.text("jws"), keys: [key], now: 0).refusals
        #expect([.tokenMissing, .tokenMalformed, .tokenSignature].contains(refusals.first?.code))
        count += 1
      }
    }
    #expect(count == 401)
  }

  /// Whether nothing but the payload, which is no JSON in these vectors, stands against the token.
  private func isAccepted(_ token: String, _ key: PublicKey) -> Bool {
    do throws(Refusal) {
      _ = try TokenVerifier(keys: [key]).claims(of: Array(token.utf8))
      return true
    } catch {
      return error.message.hasPrefix("token payload is not acceptable JSON")
    }
  }

  private func bytes(_ hex: String) throws -> [UInt8] {
    let digits = try hex.map { try #require($0.hexDigitValue) }
    return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }
}

@Suite("Tokens that others made", .enabled(if: SharedData.isThere, SharedData.comment))
struct ReferenceTokenTests {
  @Test("the signature of RFC 7515 appendix A.3 is good, and its claims are not ours")
  func rfc7515() throws {
    let example = try SharedData.json("rfc7515_a3.json")
    let key = try PublicKey(jwk: example.required("jwk"))
    let token = try example.text("jws")
    let inspection = TokenInspection(of: token, keys: [key], now: 1_300_819_379)
    #expect(inspection.signature == .good)
    #expect(inspection.claims?.object?["iss"] == "joe")
    #expect(inspection.refusals.map(\.code) == [.tokenClaims, .tokenClaims])
    let other = TokenInspection(of: token, keys: [try PublicKey(pem: KeyFixture.publicKey)], now: 0)
    #expect(other.signature == .refused)
  }

  @Test("the seed's tokens open what they opened for the seed")
  func seed() throws {
    let file = try SharedData.json("seed_tokens.json")
    let verifier = TokenVerifier(keys: [try PublicKey(pem: file.text("public_key_pem"))])
    let tokens = try file.list("tokens")
    for token in tokens {
      let text = try token.text("token")
      let topic = try token.text("topic")
      let accepted = (try? verifier.authorize(text, scope: .broadcast, topics: [topic], now: 1_764_000_000)) != nil
      let name = try token.text("name")
      let expected = try token.text("expect") == "accept"
      #expect(accepted == expected, "\(name)")
    }
    #expect(tokens.count == 4)
    let subscribe = try tokens[0].text("token")
    let claims = try verifier.authorize(subscribe, scope: .subscribe, topics: ["foo"], now: 1_764_000_000)
    #expect(claims == Claims(topics: ["foo"], scope: .subscribe, expires: 4_865_678_255, subject: "notiflux"))
  }
}
