import Testing

@testable import NotifluxClient

@Suite("Waits between retries")
struct BackoffTests {
  @Test(
    "come to at most what the manual of publish makes of them: on average half of this",
    arguments: [(1, 250), (3, 1750), (5, 7750), (8, 61_750), (9, 91_750)])
  func sums(retries: Int, milliseconds: Int) {
    let configuration = ClientConfiguration()
    let backoff = Backoff(base: configuration.backoffBase, cap: configuration.backoffCap)
    var highest = HighestGenerator()
    let sum = (0..<retries).map { backoff.delay(failures: $0, using: &highest) }.reduce(.zero, +)
    #expect(sum == .milliseconds(milliseconds))
  }
}
