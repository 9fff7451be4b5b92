import Glibc

/// Numbers as a person reads them.
enum Figures {
  /// A length of time in three digits or so: `412 µs`, `1.23 ms`, `2.10 s`.
  static func time(_ nanoseconds: Int) -> String {
    let value = Double(nanoseconds)
    return switch nanoseconds {
    case ..<999_500: "\(fraction(value / 1e3, digits: nanoseconds < 9_995 ? 1 : 0)) µs"
    case ..<999_500_000: "\(digits(value / 1e6)) ms"
    default: "\(digits(value / 1e9)) s"
    }
  }

  /// Bytes a second or in all, in powers of 1000.
  static func bytes(_ count: Double) -> String {
    switch count {
    case ..<1e3: "\(fraction(count, digits: 0)) B"
    case ..<1e6: "\(digits(count / 1e3)) kB"
    case ..<1e9: "\(digits(count / 1e6)) MB"
    default: "\(digits(count / 1e9)) GB"
    }
  }

  /// Something a second: `9.41` or `981,120`.
  static func rate(_ perSecond: Double) -> String {
    perSecond < 99.95 ? digits(perSecond) : grouped(Int(perSecond.rounded()))
  }

  /// A decimal fraction with exactly so many digits after the point.
  static func fraction(_ value: Double, digits: Int) -> String {
    let scale = Int(pow(10, Double(digits)))
    let scaled = Int((value.magnitude * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    guard digits > 0 else { return sign + grouped(scaled) }
    let rest = String(scaled % scale)
    return sign + grouped(scaled / scale) + "." + String(repeating: "0", count: digits - rest.utf8.count) + rest
  }

  /// `5 subscribers`, `1 subscriber`.
  static func count(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(grouped(number)) \(number == 1 ? noun : plural ?? noun + "s")"
  }

  /// Three digits, those after the point as needed.
  private static func digits(_ value: Double) -> String {
    fraction(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
  }
}
