/// The name of a member, while its text is being read: where it stands, and a number that tells short names apart.
/// Compared byte for byte, escapes resolved.
struct JSONName {
  /// Of a name of at most seven bytes: these bytes and how many, which is what ``key(_:)`` of the same name is. Of a
  /// longer one: the first seven, and a mark.
  let key: UInt64
  /// With its quotes, escapes not resolved.
  private let quoted: UnsafeRawBufferPointer

  /// A name of plain ASCII without escapes, as it stands between the quotes.
  init(plain quoted: UnsafeRawBufferPointer) {
    key = Self.key(UnsafeRawBufferPointer(rebasing: quoted[1..<quoted.count - 1]))
    self.quoted = quoted
  }

  /// Any name; `text` is what it means.
  init(_ quoted: UnsafeRawBufferPointer, meaning text: String) {
    key = Self.key(text)
    self.quoted = quoted
  }

  /// The name itself, read once more; that it can be read is known.
  var text: String {
    var reader = JSONReader(quoted)
    return (try? reader.string()) ?? ""
  }

  func isSame(as other: JSONName) -> Bool {
    key == other.key && (Self.isWhole(key) || text.hasSameBytes(as: other.text))
  }

  /// The key of a name that is known beforehand, of at most seven bytes.
  static func key(_ name: StaticString) -> UInt64 {
    key(UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// The key of any name.
  static func key(_ name: String) -> UInt64 {
    var name = name
    return name.withUTF8 { key(UnsafeRawBufferPointer($0)) }
  }

  /// Whether a key is all of its name, not the first bytes of a longer one.
  static func isWhole(_ key: UInt64) -> Bool { key >> 56 < long }

  private static func key(_ name: UnsafeRawBufferPointer) -> UInt64 {
    var key = UInt64(min(name.count, Int(long))) << 56
    for index in 0..<min(name.count, 7) { key |= UInt64(name[index]) << (8 * UInt64(index)) }
    return key
  }

  private static let long: UInt64 = 8
}

/// Tells whether a member name is new: by comparison while there are few, by hash when there are many, so that an
/// object of any size takes linear time.
struct DistinctNames {
  /// Those of the first names that are whole.
  private var keys = InlineArray<8, UInt64>(repeating: 0)
  private var keyCount = 0
  private var few: [JSONName] = []
  // Of many names all but the first keys are in these: whole ones by their key, which is hashed much faster.
  private var many: Set<ByteKey> = []
  private var manyKeys: Set<UInt64> = []
  private static let fewAtMost = 16

  var isEmpty: Bool { keyCount == 0 && few.isEmpty }

  mutating func insert(_ name: JSONName) -> Bool {
    if JSONName.isWhole(name.key) {
      for index in 0..<keyCount where keys[index] == name.key { return false }
      if keyCount < keys.count {
        keys[keyCount] = name.key
        keyCount += 1
        return true
      }
    }
    if few.count < Self.fewAtMost {
      for earlier in few where earlier.isSame(as: name) { return false }
      if few.isEmpty { few.reserveCapacity(8) }
      few.append(name)
      return true
    }
    if many.isEmpty && manyKeys.isEmpty { for earlier in few { _ = insertHashed(earlier) } }
    return insertHashed(name)
  }

  private mutating func insertHashed(_ name: JSONName) -> Bool {
    JSONName.isWhole(name.key) ? manyKeys.insert(name.key).inserted : many.insert(ByteKey(name.text)).inserted
  }
}
