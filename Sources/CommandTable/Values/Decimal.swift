/// A decimal number without sign or exponent, kept exact: `1.5` is 15 tenths.
struct Decimal {
  /// nil when there are too many digits to keep.
  private let digits: Int128?
  private let scale: Int128

  private static let mostDigits = 25
  private static let mostDecimals = 9

  /// The number a text begins with, and what follows it; nil if it begins with none.
  static func prefix(of bytes: Substring.UTF8View) -> (number: Decimal, rest: Substring.UTF8View)? {
    let whole = bytes.prefix(while: isDigit)
    var rest = bytes[whole.endIndex...]
    guard !whole.isEmpty else { return nil }
    var fraction = rest.prefix(0)
    if rest.first == UInt8(ascii: ".") {
      fraction = rest.dropFirst().prefix(while: isDigit)
      guard !fraction.isEmpty, fraction.count <= mostDecimals else { return nil }
      rest = rest[fraction.endIndex...]
    }
    let significant = [whole.drop { $0 == UInt8(ascii: "0") }, fraction].joined()
    let scale = repeatElement(10, count: fraction.count).reduce(Int128(1), *)
    guard significant.count <= mostDigits else { return (Decimal(digits: nil, scale: scale), rest) }
    let digits = significant.reduce(Int128(0)) { $0 * 10 + Int128($1 - UInt8(ascii: "0")) }
    return (Decimal(digits: digits, scale: scale), rest)
  }

  /// The product, what is less than one cut off; nil if it does not fit an `Int`.
  ///
  /// 25 digits times any unit of ours (below 2^48) stay within 128 bits.
  func times(_ unit: Int) -> Int? { digits.flatMap { Int(exactly: $0 * Int128(unit) / scale) } }
}
