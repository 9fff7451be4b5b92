import NotifluxJWT
import NotifluxProtocol

/// The claims of tokens whose signature was good, by the token: a pure table, bounded in tokens and bytes, that lets go
/// of what was not used for long (CLOCK). Nothing but the identical token finds its claims. Every operation is O(1).
struct TokenCache {
  /// A token as a key. Of two signed tokens the ends of the signatures differ, so hashing these is enough; equal means
  /// equal in every byte.
  private struct Key: Hashable {
    let token: String

    static func == (left: Key, right: Key) -> Bool { left.token.hasSameBytes(as: right.token) }

    func hash(into hasher: inout Hasher) {
      var token = token
      token.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer($0).suffix(24))) }
    }
  }

  private struct Entry {
    let key: Key
    let claims: Claims
    let origin: TokenOrigin
    /// Of the token's subject, where publishing is limited.
    let bucket: SharedBucket?
    let cost: Int
    var wasUsed = false
  }

  private let maximumCount: Int
  private let maximumBytes: Int
  /// Without holes: where one goes, the last takes its place.
  private var entries: [Entry] = []
  private var places: [Key: Int] = [:]
  /// Where the search for a token to evict goes on.
  private var hand = 0
  /// Where the search for expired tokens goes on.
  private var broom = 0
  /// What all tokens are charged together.
  private(set) var bytes = 0

  init(maximumCount: Int = AuthLimits.cachedTokens, maximumBytes: Int = AuthLimits.cachedBytes) {
    self.maximumCount = maximumCount
    self.maximumBytes = maximumBytes
  }

  var count: Int { entries.count }

  /// What `body` makes of the claims of this very token, if they are remembered; spares it at the next eviction.
  mutating func use<Answer>(_ token: String, _ body: (Claims, TokenNames?, SharedBucket?) -> Answer) -> Answer? {
    guard let place = places[Key(token: token)] else { return nil }
    entries[place].wasUsed = true
    return body(entries[place].claims, entries[place].origin.names, entries[place].bucket)
  }

  /// Remembers what is judged at each use, and `origin` for ``keep(where:)``; evicts as many as it takes. The signature
  /// must have been good.
  mutating func insert(_ token: String, _ claims: Claims, _ origin: TokenOrigin, bucket: SharedBucket? = nil) {
    let key = Key(token: token)
    let cost = Self.cost(token, claims)
    guard cost <= maximumBytes, maximumCount > 0, places[key] == nil else { return }
    while count >= maximumCount || bytes + cost > maximumBytes { evict() }
    let kept = Claims(
      topics: claims.topics, scope: claims.scope, expires: claims.expires, notBefore: claims.notBefore)
    places[key] = entries.count
    entries.append(Entry(key: key, claims: kept, origin: origin, bucket: bucket, cost: cost))
    bytes += cost
  }

  mutating func remove(_ token: String) {
    if let place = places[Key(token: token)] { remove(at: place) }
  }

  /// Forgets all tokens of which `isGood` does not say so.
  mutating func keep(where isGood: (TokenOrigin) -> Bool) {
    var place = 0
    while place < count {
      if isGood(entries[place].origin) { place += 1 } else { remove(at: place) }
    }
  }

  /// Looks at the next `limit` tokens and forgets those that expire at `time` or before.
  mutating func sweep(expiredAt time: Double, limit: Int) {
    for _ in 0..<min(limit, count) where !entries.isEmpty {
      if broom >= entries.count { broom = 0 }
      if entries[broom].claims.expires <= time { remove(at: broom) } else { broom += 1 }
    }
  }

  static func cost(_ token: String, _ claims: Claims) -> Int {
    let names = (claims.id?.utf8.count ?? 0) + (claims.subject?.utf8.count ?? 0)
    return claims.topics.reduce(AuthLimits.tokenOverhead + token.utf8.count + names) {
      $0 + AuthLimits.topicOverhead + $1.utf8.count
    }
  }

  private mutating func evict() {
    for _ in 0..<AuthLimits.secondChances {
      if hand >= entries.count { hand = 0 }
      guard entries[hand].wasUsed else { break }
      entries[hand].wasUsed = false
      hand += 1
    }
    if hand >= entries.count { hand = 0 }
    remove(at: hand)
  }

  private mutating func remove(at place: Int) {
    bytes -= entries[place].cost
    places[entries[place].key] = nil
    let last = entries.removeLast()
    guard place < entries.count else { return }
    entries[place] = last
    places[last.key] = place
  }
}
