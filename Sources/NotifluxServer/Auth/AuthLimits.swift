/// The fixed numbers of authorization, each with its unit and its reason.
enum AuthLimits {
  /// Tokens of which the claims are remembered: those of 10,000 clients that all come back at once, and some more.
  static let cachedTokens = 16 * 1024
  /// Bytes of all remembered tokens and claims, the overhead below included: at 1 KiB for each of that many. Tokens may
  /// be eight times as long.
  static let cachedBytes = 16 << 20
  /// Bytes a remembered token is charged beside its text, its topics and its names (`jti`, `sub`): its place in the table
  /// and in the order of eviction, both up to twice as long as needed, and the heap blocks.
  static let tokenOverhead = 320
  /// Bytes each topic of a remembered token is charged beside its text: its place in the array and its heap block.
  static let topicOverhead = 48
  /// Tokens that are spared in a row because they were used, before one goes although it was: eviction costs the same
  /// whatever was used.
  static let secondChances = 8
  /// Tokens that are looked at for expiry at a time: all of them within half a minute if asked once a second.
  static let sweptTokens = 512
  /// Seconds for which a ``Grant`` is good: meanwhile its token may be forgotten for one that is used.
  static let grantLifetime = 60.0
  /// Bytes of the longest token that a ``Grant`` keeps.
  static let grantedToken = 1024
  /// Grants an event loop keeps: those of the topics that are published to in a minute. With tokens of that length it is
  /// 5 MiB, with common ones 1.5.
  static let grants = 4096
  /// Subjects whose rate of publishing is known at a time: twice as many as tokens are remembered, each of which keeps
  /// its subject. Some 200 bytes each.
  static let subjectBuckets = 2 * cachedTokens
  /// Addresses whose failed checks are known at a time. Some 200 bytes each.
  static let addressBuckets = 64 * 1024
  /// Verdicts that are held back for one wake-up of their loop: waking one costs some microseconds, a check 70. Only
  /// while there is more to check at once.
  static let answersTogether = 4
  /// What is added to the nice value of the verifier threads, so that event loops go first where cores are short, and
  /// publishers with new tokens still get their share.
  static let niceness: Int32 = 3
}
