/// Sizes in bytes as people write them.
enum ByteCount {
  static let units: [(name: String, bytes: Int)] = [
    ("B", 1), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40),
  ]

  static func parse(_ text: String) throws(ValueProblem) -> Int {
    guard let (number, rest) = Decimal.prefix(of: text.utf8[...]) else { throw ValueProblem("is not a size") }
    let name = String(Substring(rest)).lowercased()
    let unit = rest.isEmpty ? 1 : units.first { $0.name.lowercased().hasSameBytes(as: name) }?.bytes
    guard let unit else { throw ValueProblem("is not a size") }
    guard let bytes = number.times(unit) else { throw ValueProblem("is above \(Self.text(Int.max))") }
    return bytes
  }

  /// The shortest exact way to write it: `64KiB`, `1500B`.
  static func text(_ bytes: Int) -> String {
    let exact = units.filter { bytes != 0 && bytes.isMultiple(of: $0.bytes) }
    let unit = exact.max { $0.bytes < $1.bytes } ?? units[0]
    return "\(bytes / unit.bytes)\(unit.name)"
  }
}
