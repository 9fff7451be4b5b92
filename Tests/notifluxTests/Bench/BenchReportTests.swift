import NotifluxClient
import NotifluxProtocol
import Testing

@testable import notiflux

@Suite("The report of a run")
struct BenchReportTests {
  private func report(_ change: (inout BenchReport) -> Void = { _ in }) throws -> BenchReport {
    let load = BenchReport.Load(
      kind: .fanout, endpoint: try Endpoint("http://h:1"), subscribers: 2, topics: 1, publishers: 1, size: 100)
    let start = ThreadTime(at: 0, used: 0, waited: 0)
    let end = ThreadTime(at: 1000, used: 500, waited: 100)
    var figures = ThreadFigures()
    let time = MeasuredTime(from: 10, until: 1_000_000_010)
    figures.published.count(dueAt: 5, now: 9, in: time)
    for index in 1...100 {
      figures.published.count(dueAt: 100, now: 100 + 1000 * index, in: time)
      figures.delivered.count(dueAt: 100, now: 100 + 2000 * index, in: time)
      figures.delivered.count(dueAt: 100, now: 100 + 2000 * index, in: time)
    }
    figures.connections.subscribed = 2
    figures.connections.modes.add("envelopes")
    var report = BenchReport(
      load: load, figures: figures, seconds: time.seconds, expected: 202,
      generator: GeneratorLoad([(start, end)], cores: 4))
    change(&report)
    return report
  }

  @Test("only what was due and done in the measured time is in the figures, the warm-up in the totals")
  func figures() throws {
    let object = try #require(try JSONValue.parse(report().json).object)
    let published = try #require(object["published"]?.object)
    #expect(published["total"] == 101 && published["measured"] == 100 && published["perSecond"] == 100)
    #expect(published["bytesPerSecond"] == 10_000)
    let times = try #require(published["roundTripMicroseconds"]?.object)
    #expect(times["count"] == 100 && times["max"] == 100)
    #expect(object["delivered"]?.object?["latencyMicroseconds"]?.object?["max"] == 200)
    #expect(object["generator"]?.object?["used"]?.number?.text == "0.5")
    #expect(object["passed"] == true)
  }

  @Test("every fault makes the run a failed one, and is named in the table and in JSON")
  func faults() throws {
    let changes: [(String, (inout BenchReport) -> Void)] = [
      ("3 lost", { $0.lost = 3 }), ("1 doubled", { $0.figures.doubled = 1 }),
      ("2 out of order", { $0.figures.reordered = 2 }), ("1 on another topic", { $0.figures.strayed = 1 }),
      ("1 gaps", { $0.figures.gaps = 1 }),
      ("4 publishes failed", { for _ in 0..<4 { $0.figures.add(publishError: .cancelled, named: "503 draining") } }),
      ("1 connections failed", { $0.figures.connections.failures.add("refused") }),
      ("1 connections closed", { $0.figures.connections.closed.add("1013 slow consumer") }),
    ]
    for (name, change) in changes {
      let report = try report(change)
      #expect(!report.hasPassed)
      #expect(report.table.contains("result      \(name)\n"), "\(report.table)")
      #expect(try JSONValue.parse(report.json).object?["passed"] == false)
    }
    let closed = try report { $0.figures.connections.closed.add("1013 slow consumer", 7) }
    #expect(closed.table.contains("closed      7 × 1013 slow consumer\n"))
    #expect(try JSONValue.parse(closed.json).object?["connections"]?.object?["closed"] == ["1013 slow consumer": 7])
  }

  @Test("a run that measured nothing has no rates, and still a report")
  func nothing() throws {
    let report = try report {
      $0.figures = ThreadFigures()
      $0.seconds = 0
      $0.wasInterrupted = true
    }
    #expect(report.table.contains("interrupted"))
    #expect(try JSONValue.parse(report.json).object?["published"]?.object?["perSecond"] == .null)
  }

  @Test("what was sent of the rate that was asked for is told where it is less")
  func shortfall() throws {
    let enough = try report { $0.load.rate = 101 }
    #expect(enough.shortfall == nil)
    let less = try report { $0.load.rate = 200 }
    #expect(less.shortfall == 0.5)
    #expect(less.table.contains("only 50 % of 200/s"))
  }

  @Test("the generator warns when a thread ran, or waited for a core, nearly all the time")
  func generatorLoad() throws {
    func load(used: Int, waited: Int) -> GeneratorLoad {
      let start = ThreadTime(at: 100, used: 50, waited: 5)
      return GeneratorLoad(
        [
          (start, ThreadTime(at: 1100, used: 60, waited: 5)),
          (start, ThreadTime(at: 1100, used: 50 + used, waited: 5 + waited)),
        ], cores: 2)
    }
    #expect(!load(used: 500, waited: 100).mayHaveBeenTheLimit)
    #expect(load(used: 980, waited: 0).mayHaveBeenTheLimit)
    #expect(load(used: 500, waited: 450).mayHaveBeenTheLimit)
    let used = load(used: 500, waited: 0).used
    #expect(abs(used - 0.51) < 1e-9)
    let warned = try report { $0.generator = load(used: 980, waited: 0) }
    #expect(warned.table.contains("it may have been the limit"))
    #expect(try !report().table.contains("it may have been the limit"))
  }

  @Test("a tally keeps so many names and counts the rest together")
  func tally() {
    var tally = Tally()
    for index in 0..<50 { tally.add("name \(index)", index + 1) }
    tally.add("name 3", 100)
    #expect(tally.rows.count == Tally.limit + 1)
    #expect(tally.total == 50 * 51 / 2 + 100)
    #expect(tally.rows.first?.name == "something else")
    #expect(tally.rows[1].name == "name 3" && tally.rows[1].count == 104)
  }

  @Test(
    "times are told in three digits with their unit",
    arguments: [
      (0, "0.0 µs"), (1_234, "1.2 µs"), (45_600, "46 µs"), (999_400, "999 µs"), (999_500, "1.00 ms"),
      (12_345_678, "12.3 ms"), (123_456_789, "123 ms"), (999_600_000, "1.00 s"), (75_000_000_000, "75.0 s"),
      (1_234_000_000_000, "1,234 s"),
    ])
  func times(nanoseconds: Int, text: String) { #expect(Figures.time(nanoseconds) == text) }

  @Test("rates and bytes are told in three digits")
  func rates() {
    #expect(
      [0, 0.5, 9.999, 42.42, 123.4, 981_120.3].map(Figures.rate) == ["0.00", "0.50", "10.0", "42.4", "123", "981,120"])
    #expect(
      [0, 999, 1_000, 125_600_000, 2.5e9].map(Figures.bytes) == ["0 B", "999 B", "1.00 kB", "126 MB", "2.50 GB"])
    #expect(Figures.fraction(-0.001, digits: 2) == "0.00" && Figures.fraction(-1.005, digits: 1) == "-1.0")
  }
}
