// The kind whose value is a span of time.

extension ValueKind where Value == Duration {
  /// A span of time with its unit: `500ms`, `15s`, `1.5s`, `5m`, `1h`, `1h30m`, `7d`. A bare number is refused.
  package static func duration(
    in range: ClosedRange<Duration> = .zero...TimeSpan.longest, placeholder: String = "TIME"
  ) -> Self {
    let bounds = rangeText(range, shown: TimeSpan.text, top: TimeSpan.longest, bottom: .zero)
    return Self(placeholder: placeholder, accepted: "a duration such as 500ms, 15s, 5m or 1h" + bounds) {
      text throws(ValueProblem) in
      let value = try TimeSpan.parse(text)
      if value < range.lowerBound { throw ValueProblem("is below \(TimeSpan.text(range.lowerBound))") }
      if value > range.upperBound { throw ValueProblem("is above \(TimeSpan.text(range.upperBound))") }
      return value
    }
  }
  package static var duration: Self { duration() }
}

/// Spans of time as people write them.
package enum TimeSpan {
  /// From the longest to the shortest, in nanoseconds.
  static let units: [(name: String, nanoseconds: Int)] = [
    ("d", 86_400_000_000_000), ("h", 3_600_000_000_000), ("m", 60_000_000_000), ("s", 1_000_000_000),
    ("ms", 1_000_000), ("us", 1_000), ("ns", 1),
  ]

  /// About 292 years: what nanoseconds in 64 bits can hold.
  package static let longest = Duration.nanoseconds(Int64.max)

  static func parse(_ text: String) throws(ValueProblem) -> Duration {
    var rest = text.utf8[...]
    var total = 0
    var shortestSoFar = -1
    repeat {
      guard let (number, afterNumber) = Decimal.prefix(of: rest) else { throw ValueProblem("is not a duration") }
      let name = afterNumber.prefix { !isDigit($0) }
      guard let unit = units.firstIndex(where: { $0.name.utf8.elementsEqual(name) }) else {
        throw ValueProblem(afterNumber.isEmpty ? "has no unit" : "is not a duration")
      }
      guard unit > shortestSoFar else { throw ValueProblem("is not a duration") }
      let sum = number.times(units[unit].nanoseconds).map { total.addingReportingOverflow($0) }
      guard let sum, !sum.overflow else { throw ValueProblem("is above \(Self.text(longest))") }
      total = sum.partialValue
      shortestSoFar = unit
      rest = afterNumber[name.endIndex...]
    } while !rest.isEmpty
    return .nanoseconds(total)
  }

  /// The shortest exact way to write it down to nanoseconds: `90s`, `1h`, `500ms`.
  package static func text(_ duration: Duration) -> String {
    if duration >= longest { return "292 years" }
    let (seconds, attoseconds) = duration.components
    let nanoseconds = Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
    let unit = units.first { nanoseconds != 0 && nanoseconds.isMultiple(of: $0.nanoseconds) }
    guard let unit else { return "0s" }
    return "\(nanoseconds / unit.nanoseconds)\(unit.name)"
  }
}
