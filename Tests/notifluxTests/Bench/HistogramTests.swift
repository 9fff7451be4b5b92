import Testing

@testable import notiflux

@Suite("The histogram")
struct HistogramTests {
  /// Of all orders of magnitude.
  private func values(_ count: Int, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(state: seed)
    return (0..<count).map { _ in
      let bits = Int.random(in: 0...41, using: &generator)
      return Int.random(in: 0..<1 << bits, using: &generator)
    }
  }

  @Test("every quantile is within the promised error of the exact one", arguments: 1...20 as ClosedRange<UInt64>)
  func quantiles(seed: UInt64) {
    let values = values(Int(seed) * 37, seed: seed)
    var histogram = Histogram()
    for value in values { histogram.record(value) }
    let sorted = values.sorted()
    for share in stride(from: 0.0, through: 1.0, by: 0.001) {
      let rank = max(1, Int((share * Double(sorted.count)).rounded(.up)))
      let exact = sorted[rank - 1]
      let found = histogram.quantile(share) ?? -1
      #expect(
        abs(Double(found - exact)) <= Double(exact) * Histogram.relativeError, "\(share): \(found) is not \(exact)")
    }
  }

  @Test("count, least, greatest and mean are exact")
  func exact() {
    let values = values(10_000, seed: 7)
    var histogram = Histogram()
    for value in values { histogram.record(value) }
    #expect(histogram.count == values.count)
    #expect(histogram.least == values.min() && histogram.greatest == values.max())
    #expect(histogram.mean == values.reduce(0.0) { $0 + Double($1) } / Double(values.count))
    #expect(histogram.quantile(1) == values.max())
  }

  @Test("one made of two is the one that recorded all", arguments: 1...10 as ClosedRange<UInt64>)
  func merging(seed: UInt64) {
    let values = values(500, seed: seed)
    var (left, right, all) = (Histogram(), Histogram(), Histogram())
    for (index, value) in values.enumerated() {
      if index % 3 == 0 { left.record(value) } else { right.record(value) }
      all.record(value)
    }
    left.merge(right)
    #expect(left.count == all.count && left.least == all.least && left.greatest == all.greatest)
    for share in [0, 0.1, 0.5, 0.9, 0.99, 0.999, 1] { #expect(left.quantile(share) == all.quantile(share)) }
  }

  @Test("nothing recorded has no quantile; what is below zero or beyond its range is taken in")
  func edges() {
    var histogram = Histogram()
    #expect(histogram.quantile(0.5) == nil && histogram.mean == nil)
    histogram.record(-5)
    #expect(histogram.quantile(0.5) == 0)
    histogram.record(.max)
    #expect(histogram.quantile(1) == .max)
    #expect(histogram.count == 2)
  }
}
