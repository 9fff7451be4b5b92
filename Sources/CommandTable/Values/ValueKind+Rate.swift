// The kind whose value is a number of times a second.

extension ValueKind where Value == Double {
  /// So many a second, a minute or an hour, as times a second: `100`, `2.5/s`, `600/m`, `10/h`. 0 is a rate too.
  package static var rate: Self {
    Self(placeholder: "RATE", accepted: "a rate such as 100/s, 600/m or 10/h, up to 1000000/s, or 0") {
      text throws(ValueProblem) in
      guard let (number, rest) = Decimal.prefix(of: text.utf8[...]) else { throw ValueProblem("is not a rate") }
      let spans = [("", 1), ("/s", 1), ("/m", 60), ("/h", 3600)]
      guard let (_, seconds) = spans.first(where: { rest.elementsEqual($0.0.utf8) }) else {
        throw ValueProblem("is not a rate")
      }
      guard let billionths = number.times(1_000_000_000), billionths / seconds <= 1_000_000_000_000_000 else {
        throw ValueProblem("is above 1000000/s")
      }
      return Double(billionths) / 1e9 / Double(seconds)
    }
  }
}
