// Links libm: exact conversion of doubles calls its trunc.
private import Glibc

/// A JSON number as it was written, so that it can be echoed digit for digit. Equal means: the same text.
package struct JSONNumber: Sendable, Hashable {
  /// By the grammar of RFC 8259 §6, ASCII only.
  package let text: String

  /// The caller answers for the grammar.
  init(text: String) {
    self.text = text
  }

  package init(_ value: some BinaryInteger) {
    text = String(value)
  }

  /// Nil for what JSON cannot express: infinities and NaN. Whole numbers are written without a fraction.
  package init?(_ value: Double) {
    guard value.isFinite else { return nil }
    if let whole = Int64(exactly: value), abs(value) < 0x1p53 {
      text = String(whole)
    } else {
      text = value.description
    }
  }

  /// The nearest double, nil beyond the range of finite ones.
  package var double: Double? {
    guard let value = Double(text), value.isFinite else { return nil }
    return value
  }

  /// The exact value, nil if the number has a fraction or does not fit. `1e3` and `5.0` are integers.
  package var int: Int? {
    if let value = Int(text) { return value }
    guard let value = double, abs(value) <= 0x1p53 else { return nil }
    return Int(exactly: value)
  }
}
