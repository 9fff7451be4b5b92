import Testing

@testable import NotifluxServer

@Suite struct LatencyHistogramTests {
  @Test("each bucket takes what is up to its bound, the last one the rest; sums add up")
  func buckets() {
    var histogram = LatencyHistogram()
    for seconds in [0, 0.0001, 0.00010001, 0.003, 10, 10.1, 1000] { histogram.record(seconds) }
    var other = LatencyHistogram()
    other.record(0.003)
    histogram.add(other)
    let bounds = LatencyHistogram.bounds
    #expect(bounds == bounds.sorted())
    func count(_ bound: Double) -> Int { bounds.firstIndex(of: bound).map { histogram.counts[$0] } ?? -1 }
    #expect(count(0.0001) == 2 && count(0.00025) == 1 && count(0.005) == 2 && count(10) == 1)
    #expect(histogram.counts.last == 2)
    #expect(histogram.count == 8)
    #expect(abs(histogram.sum - 1020.1062) < 0.0001)
  }
}
