/// A set of integers that grows at its upper end, as the ranges it is made of.
struct NumberSet: Sendable, Equatable {
  /// Ascending, none of them empty, none touching the next.
  private(set) var ranges: [Range<Int>] = []

  var count: Int { ranges.reduce(0) { $0 + $1.count } }

  /// Adds numbers that are greater than all there are.
  mutating func append(_ range: Range<Int>) {
    guard !range.isEmpty else { return }
    if let last = ranges.last, last.upperBound >= range.lowerBound {
      ranges[ranges.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
    } else {
      ranges.append(range)
    }
  }

  /// Returns whether the number was there.
  mutating func remove(_ number: Int) -> Bool {
    let index = firstRange(endingAbove: number)
    guard index < ranges.count, ranges[index].contains(number) else { return false }
    let range = ranges[index]
    let parts = [range.lowerBound..<number, number + 1..<range.upperBound].filter { !$0.isEmpty }
    ranges.replaceSubrange(index...index, with: parts)
    return true
  }

  /// Takes out the lowest range.
  mutating func removeFirstRange() -> Range<Int> { ranges.removeFirst() }

  /// How many numbers of `range` are in the set.
  func count(in range: Range<Int>) -> Int {
    var count = 0
    var index = firstRange(endingAbove: range.lowerBound)
    while index < ranges.count, ranges[index].lowerBound < range.upperBound {
      count += ranges[index].clamped(to: range).count
      index += 1
    }
    return count
  }

  /// How many numbers are in both sets.
  func count(in other: NumberSet) -> Int {
    guard !other.ranges.isEmpty else { return 0 }
    return ranges.reduce(0) { $0 + other.count(in: $1) }
  }

  private func firstRange(endingAbove number: Int) -> Int {
    var (low, high) = (0, ranges.count)
    while low < high {
      let middle = (low + high) / 2
      if ranges[middle].upperBound > number { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
