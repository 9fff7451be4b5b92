import NotifluxProtocol

/// Tokens that are refused although they are good: single ones by their `jti`, and those of a subject, all of them or
/// those made before a time. A look-up takes the same time however long the list is; names are compared byte for byte.
///
/// As a text it has one entry a line: `jti ID`, `sub SUBJECT`, or `sub SUBJECT before TIME` with an RFC 3339 time or seconds
/// since 1970. What has blanks, `#` or control characters in it stands as a JSON string; a `#` begins a comment.
///
///     # lost laptop, 2026-11-27
///     jti 9b2f6c1e-5a0d-4c53-9a39-0c8c2f4d7f10
///     sub alice before 2026-11-27T18:00:00Z
public struct RevocationList: Sendable {
  private var ids: Set<ByteKey> = []
  /// Before when a token must have been made to be refused; infinity for all of the subject's.
  private var subjects: [ByteKey: Double] = [:]

  /// Nothing is revoked.
  public init() {}

  /// Reads a list. Every line must be good, and the last one ended: a list that was cut off would let tokens pass, or
  /// refuse others.
  public init(_ text: [UInt8]) throws(RevocationError) {
    guard !text.starts(with: [0xEF, 0xBB, 0xBF]) else {
      throw RevocationError(line: 1, message: "the text must not start with a byte order mark: save it as plain UTF-8")
    }
    var lines = text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.removeLast().isEmpty else {
      throw RevocationError(
        line: lines.count + 1, message: "the last line has no end (is the file cut off?): end it with a newline")
    }
    for (index, line) in lines.enumerated() {
      do {
        if let entry = try RevocationEntry(line: line) { insert(entry) }
      } catch {
        throw RevocationError(line: index + 1, message: error.message)
      }
    }
  }

  /// How many tokens and subjects are named, each counted once.
  public var count: Int { ids.count + subjects.count }

  /// Of a subject that is named twice, the entry that refuses more counts.
  mutating func insert(_ entry: RevocationEntry) {
    switch entry {
    case .id(let id): ids.insert(ByteKey(id))
    case .subject(let subject, let time): subjects[ByteKey(subject), default: -.infinity].raise(to: time ?? .infinity)
    }
  }

  /// Whether a token is refused. One that does not say when it was made is taken for an old one.
  func holds(id: String?, subject: String?, issuedAt: Double?) -> Bool {
    if !ids.isEmpty, let id, ids.contains(ByteKey(id)) { return true }
    guard !subjects.isEmpty, let subject, let time = subjects[ByteKey(subject)] else { return false }
    return issuedAt.map { $0 < time } ?? true
  }

  func holds(_ claims: Claims) -> Bool { holds(id: claims.id, subject: claims.subject, issuedAt: claims.issuedAt) }

  /// Whether the token of these names is refused.
  package func holds(_ names: TokenNames) -> Bool {
    holds(id: names.id, subject: names.subject, issuedAt: names.issuedAt)
  }

  /// What is said about such a token.
  package static let refusal = Refusal(.tokenClaims, "token was revoked; ask whoever made it for a new one")
}

extension Double {
  fileprivate mutating func raise(to other: Double) { self = Swift.max(self, other) }
}
