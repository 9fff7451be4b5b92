import Testing

@testable import notiflux

@Suite("The set of numbers")
struct NumberSetTests {
  @Test(
    "it is the set that the standard library would make of the same steps", arguments: 1...50 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    var (set, model) = (NumberSet(), Set<Int>())
    var top = 0
    for _ in 0..<200 {
      if Bool.random(using: &generator) {
        let start = top + Int.random(in: 0...3, using: &generator)
        top = start + Int.random(in: 0...5, using: &generator)
        set.append(start..<top)
        model.formUnion(start..<top)
      } else {
        let number = Int.random(in: -1...top + 1, using: &generator)
        #expect(set.remove(number) == (model.remove(number) != nil))
      }
      let low = Int.random(in: -2...top + 2, using: &generator)
      let range = low..<low + Int.random(in: 0...40, using: &generator)
      #expect(set.count(in: range) == model.count { range.contains($0) })
      #expect(set.count == model.count)
    }
    #expect(set.ranges.flatMap(\.self) == model.sorted())
    for (range, next) in zip(set.ranges, set.ranges.dropFirst()) { #expect(range.upperBound < next.lowerBound) }
    #expect(set.ranges.allSatisfy { !$0.isEmpty })
  }

  @Test("what two sets share is counted", arguments: 1...20 as ClosedRange<UInt64>)
  func sharing(seed: UInt64) {
    var generator = SeededGenerator(state: seed)
    func random() -> NumberSet {
      (0..<100).reduce(into: NumberSet()) { set, number in
        if Int.random(in: 0..<3, using: &generator) == 0 { set.append(number..<number + 1) }
      }
    }
    let (left, right) = (random(), random())
    let shared = Set(left.ranges.joined()).intersection(right.ranges.joined()).count
    #expect(left.count(in: right) == shared && right.count(in: left) == shared)
  }
}
