import NotifluxJWT
import NotifluxProtocol

/// The topics of a run. One alone is named as it was asked for; several have a dash and their number after that, all of
/// one length: `load-00` to `load-11`.
struct BenchTopics: Sendable {
  /// Topics that share a token: few enough to keep it as short as a backend's usually is.
  static let tokenShare = 16

  let name: String
  /// At least 1.
  let count: Int
  /// Digits of a topic's number; 0 where there is just one topic.
  let digits: Int

  /// Throws what makes the longest of them no topic.
  init(name: String, count: Int) throws(Refusal) {
    self.name = name
    self.count = count
    digits = count == 1 ? 0 : String(count - 1).utf8.count
    _ = try Topic(text(0))
  }

  /// What stands before the number.
  var stem: String { digits == 0 ? name : name + "-" }

  func text(_ index: Int) -> String {
    guard digits > 0 else { return name }
    let number = String(index)
    return stem + String(repeating: "0", count: digits - number.utf8.count) + number
  }

  /// Tokens, each for ``tokenShare`` topics that follow each other; with a given token, that one alone.
  func tokens(_ scope: Scope, from credentials: Credentials) throws -> [String] {
    if case .token(let token) = credentials { return [token] }
    return try stride(from: 0, to: count, by: Self.tokenShare).map { first in
      let texts = (first..<min(count, first + Self.tokenShare)).map { text($0) }
      return try credentials.token(scope, topics: texts.map { text throws(Refusal) in try Topic(text) })
    }
  }

  /// The place in ``tokens(_:from:)`` of the token for a topic.
  func tokenIndex(of topic: Int, among tokens: [String]) -> Int { tokens.count == 1 ? 0 : topic / Self.tokenShare }
}
