/// How often each length of time occurred, in memory that never grows: every power of two is cut into 128 equal parts, so
/// that a quantile is off by less than 0.4 % of its value. Count, least, greatest and mean are exact.
///
/// Takes nanoseconds up to 2^42 (73 minutes); what is longer counts as that long, but for the greatest.
struct Histogram: Sendable, Equatable {
  private static let parts = 128
  private static let exponents = 42
  /// The greatest relative error of a quantile.
  static let relativeError = 0.5 / Double(parts)

  /// Values below 256 have a place of their own.
  private var places = [Int](repeating: 0, count: (exponents - 6) * parts)
  private(set) var count = 0
  private(set) var least = Int.max
  private(set) var greatest = 0
  private var sum = 0.0

  /// Takes one length of time; one below zero counts as zero.
  mutating func record(_ nanoseconds: Int) {
    let value = max(0, nanoseconds)
    places[Self.place(of: min(value, 1 << Self.exponents - 1))] += 1
    count += 1
    sum += Double(value)
    if value < least { least = value }
    if value > greatest { greatest = value }
  }

  mutating func merge(_ other: Histogram) {
    for (index, number) in other.places.enumerated() where number > 0 { places[index] += number }
    count += other.count
    sum += other.sum
    least = min(least, other.least)
    greatest = max(greatest, other.greatest)
  }

  /// `nil` while nothing was recorded.
  var mean: Double? { count == 0 ? nil : sum / Double(count) }

  /// The least length that at least this share of all did not pass; `nil` while nothing was recorded.
  func quantile(_ share: Double) -> Int? {
    guard count > 0 else { return nil }
    let rank = min(count, max(1, Int((share * Double(count)).rounded(.up))))
    if rank == count { return greatest }
    var seen = 0
    for (index, number) in places.enumerated() where number > 0 {
      seen += number
      if seen >= rank { return min(max(Self.middle(of: index), least), greatest) }
    }
    return greatest
  }

  private static func place(of value: Int) -> Int {
    guard value >= 2 * parts else { return value }
    let shift = Int.bitWidth - value.leadingZeroBitCount - 8
    return shift * parts + value >> shift
  }

  private static func middle(of place: Int) -> Int {
    guard place >= 2 * parts else { return place }
    let shift = place / parts - 1
    return (place - shift * parts) << shift + (1 << shift) / 2
  }
}
