// The kinds whose value is a number: integers and sizes in bytes.

extension ValueKind where Value == Int {
  /// A decimal integer within the range.
  package static func integer(in range: ClosedRange<Int> = Int.min...Int.max, placeholder: String = "N") -> Self {
    let accepted =
      switch (range.lowerBound, range.upperBound) {
      case (.min, .max): "an integer"
      case (let least, .max): "an integer of at least \(least)"
      case (.min, let most): "an integer of at most \(most)"
      case (let least, let most): "an integer from \(least) to \(most)"
      }
    return Self(placeholder: placeholder, accepted: accepted) { text throws(ValueProblem) in
      let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
      guard !digits.isEmpty, digits.allSatisfy(isDigit) else { throw ValueProblem("is not an integer") }
      // What does not fit an `Int` lies beyond every range.
      let isNegative = digits.count < text.utf8.count
      guard let value = Int(text), range.contains(value) else {
        let isBelow = Int(text).map { $0 < range.lowerBound } ?? isNegative
        throw ValueProblem(isBelow ? "is below \(range.lowerBound)" : "is above \(range.upperBound)")
      }
      return value
    }
  }

  /// A number of bytes: `512`, `64KiB`, `1.5MiB`, `1GB`. Units are powers of 1024 (`KiB`) or of 1000 (`KB`), in any case.
  package static func byteCount(in range: ClosedRange<Int> = 0...Int.max, placeholder: String = "SIZE") -> Self {
    let accepted = "a size such as 64KiB, 1MiB or 1MB" + rangeText(range, shown: ByteCount.text, top: Int.max)
    return Self(placeholder: placeholder, accepted: accepted) { text throws(ValueProblem) in
      let value = try ByteCount.parse(text)
      if value < range.lowerBound { throw ValueProblem("is below \(ByteCount.text(range.lowerBound))") }
      if value > range.upperBound { throw ValueProblem("is above \(ByteCount.text(range.upperBound))") }
      return value
    }
  }
}

/// `, from A to B`, leaving out a bound that says nothing.
func rangeText<Bound: Comparable>(
  _ range: ClosedRange<Bound>, shown: (Bound) -> String, top: Bound, bottom: Bound? = nil
) -> String {
  let hasLeast = bottom.map { range.lowerBound > $0 } ?? true
  switch (hasLeast, range.upperBound < top) {
  case (true, true): return ", from \(shown(range.lowerBound)) to \(shown(range.upperBound))"
  case (true, false): return ", at least \(shown(range.lowerBound))"
  case (false, true): return ", at most \(shown(range.upperBound))"
  case (false, false): return ""
  }
}

func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
