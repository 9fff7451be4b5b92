import Testing

@testable import notiflux

@Suite("The progress display")
struct ProgressTests {
  @Test("it tells messages, rate and time, and failures only when there are some")
  func wording() {
    #expect(ProgressCounts(sent: 12_345).text(after: .seconds(3), columns: 80) == "12,345 sent, 4,115/s, 0:03")
    #expect(
      ProgressCounts(sent: 10, failed: 2).text(after: .seconds(65), columns: 80) == "10 sent, 0/s, 2 failed, 1:05")
    #expect(ProgressCounts().text(after: .zero, columns: 80) == "0 sent, 0/s, 0:00")
  }

  @Test("it never fills the last column", arguments: [0, 1, 2, 10, 25, 200])
  func width(columns: Int) {
    #expect(ProgressCounts(sent: 1_000_000).text(after: .seconds(1), columns: columns).count <= max(0, columns - 1))
  }

  @Test("thousands are grouped", arguments: [(0, "0"), (999, "999"), (1000, "1,000"), (-1_234_567, "-1,234,567")])
  func grouping(number: Int, text: String) {
    #expect(grouped(number) == text)
  }

  @Test("it counts from many tasks")
  func counting() async {
    let progress = Progress(isShown: false)
    await withTaskGroup { group in
      for _ in 0..<10 {
        group.addTask {
          for _ in 0..<100 { progress.sent() }
          progress.failed(2)
        }
      }
    }
    #expect(progress.counts == ProgressCounts(sent: 1000, failed: 20))
  }
}
