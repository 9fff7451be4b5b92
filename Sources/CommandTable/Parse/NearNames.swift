/// Which known names a mistyped one may have meant.
enum NearNames {
  /// Nothing a person types by mistake is longer, and the distance costs the product of the lengths.
  private static let longest = 64
  private static let most = 3

  /// The nearest candidates, at most three, in the order of the table.
  ///
  /// A name that the typed one abbreviates (`--max-c` for `--max-connections`), or of which it is the last part
  /// (`--certificate` for `--tls-certificate`), is as near as can be. Else a third of the letters may be wrong.
  static func of(_ typed: String, among candidates: [String]) -> [String] {
    let typedBytes = Array(typed.utf8)
    let name = typedBytes.drop { $0 == UInt8(ascii: "-") }
    guard !name.isEmpty, typedBytes.count <= longest else { return [] }
    let limit = max(1, name.count / 3)
    var nearest: [String] = []
    var least = limit
    for candidate in candidates {
      let bytes = Array(candidate.utf8)
      let isPart = name.count > 1 && (bytes.starts(with: typedBytes) || bytes.hasSuffix([UInt8(ascii: "-")] + name))
      let distance = isPart ? 0 : self.distance(typedBytes, bytes, limit: limit)
      if distance < least { nearest = [] }
      if distance <= least {
        nearest.append(candidate)
        least = distance
      }
    }
    return Array(nearest.prefix(most))
  }

  /// Damerau and Levenshtein's distance in its restricted form (no letter moved twice): insertions, deletions,
  /// substitutions and swaps of neighbours. What is surely beyond the limit may be given as any number beyond it.
  static func distance(_ one: [UInt8], _ other: [UInt8], limit: Int = .max) -> Int {
    if abs(one.count - other.count) > limit { return abs(one.count - other.count) }
    var beforeLast: [Int] = []
    var last = Array(0...other.count)
    for (i, byte) in one.enumerated() {
      var row = [i + 1]
      row.reserveCapacity(last.count)
      for (j, otherByte) in other.enumerated() {
        var cost = min(last[j] + (byte == otherByte ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, byte == other[j - 1], one[i - 1] == otherByte { cost = min(cost, beforeLast[j - 1] + 1) }
        row.append(cost)
      }
      beforeLast = last
      last = row
    }
    return last[other.count]
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ suffix: [UInt8]) -> Bool { self.suffix(suffix.count).elementsEqual(suffix) }
}
