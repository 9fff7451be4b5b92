import NotifluxProtocol
import Testing

@testable import NotifluxJWT

@Suite("Tokens, properties")
struct TokenPropertyTests {
  @Test("a token with any single bit changed is refused")
  func everyBit() throws {
    let token = Array(try TestTokens.signed().utf8)
    let verifier = try TestTokens.verifier()
    for index in token.indices {
      for bit in 0..<8 {
        var changed = token
        changed[index] ^= 1 << bit
        let accepted = (try? verifier.verify(changed, now: 0)) != nil
        #expect(!accepted, "bit \(bit) of byte \(index)")
      }
    }
  }

  @Test("a token cut, stretched, shuffled or spliced with another is refused", arguments: 0..<40)
  func splices(seed: Int) throws {
    var random = SeededGenerator(seed: UInt64(seed))
    let verifier = try TestTokens.verifier()
    let tokens = try [
      TestTokens.signed(), TestTokens.signed(payload: #"{"exp":1e9,"topics":["other"],"scope":"broadcast"}"#),
    ].map { Array($0.utf8) }
    for _ in 0..<50 {
      var changed = tokens[0]
      for _ in 0...Int.random(in: 0..<3, using: &random) {
        let start = Int.random(in: 0...changed.count, using: &random)
        let end = Int.random(in: start...changed.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: changed.removeSubrange(start..<end)
        case 1: changed.insert(contentsOf: changed[start..<end], at: start)
        case 2: changed[start..<end].reverse()
        default: changed.replaceSubrange(start..<end, with: tokens[1].dropFirst(start).prefix(end - start))
        }
      }
      guard !tokens.contains(changed) else { continue }
      let accepted = (try? verifier.verify(changed, now: 0)) != nil
      #expect(!accepted)
    }
  }

  @Test("no part of a signature can be used with the other parts of another token")
  func mixedParts() throws {
    let tokens = try [
      TestTokens.signed(), TestTokens.signed(payload: #"{"exp":1e9,"topics":["other"],"scope":"broadcast"}"#),
      TestTokens.signed(header: #"{"alg":"ES256"}"#),
    ].map { $0.split(separator: ".").map(String.init) }
    for first in 0..<3 {
      for second in 0..<3 {
        for third in 0..<3 {
          let token = [tokens[first][0], tokens[second][1], tokens[third][2]].joined(separator: ".")
          let whole = tokens.contains { $0.joined(separator: ".") == token }
          #expect(try (TestTokens.refusal(of: token) == nil) == whole)
        }
      }
    }
  }

  @Test("no refusal quotes a part of the token, however it is damaged")
  func nothingLeaks() throws {
    let token = try TestTokens.signed(
      header: #"{"alg":"SECRET","SECRET":1,"kid":"SECRET"}"#,
      payload: #"{"SECRET":1,"exp":"SECRET","scope":"SECRET","sub":"SECRET"}"#)
    let twice = try TestTokens.signed(header: TestTokens.header, payload: #"{"SECRET":1,"SECRET":2}"#)
    for text in [token, twice, token + ".SECRET", "SECRET", "SECRET." + token, token + "SECRET*"] {
      for refusal in TokenInspection(of: text, keys: [try TestTokens.privateKey().publicKey], now: 0).refusals {
        #expect(!refusal.message.contains("SECRET"))
      }
    }
  }

  @Test("a signature counts only with exactly 64 bytes")
  func signatureLength() throws {
    let key = try TestTokens.privateKey().key
    let message = Array("message".utf8)
    let signature = try ES256.sign(message, with: key)
    #expect(ES256.isValid(signature, of: message[...], by: key))
    for wrong in [[], Array(signature.dropLast()), signature + [0], signature + signature] {
      #expect(!ES256.isValid(wrong, of: message[...], by: key))
    }
    #expect(try ES256.isValid(ES256.sign([], with: key), of: [], by: key))
  }

  @Test("random bytes never trap")
  func garbage() throws {
    var random = SeededGenerator(seed: 7)
    let verifier = try TestTokens.verifier()
    for _ in 0..<2000 {
      let bytes = (0..<Int.random(in: 0..<80, using: &random)).map { _ in
        Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : UInt8(ascii: ".")
      }
      #expect(throws: Refusal.self) { try verifier.verify(bytes, now: 0) }
    }
  }
}
