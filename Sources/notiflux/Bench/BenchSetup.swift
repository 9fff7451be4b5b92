import CommandTable
import Glibc
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// What a run of `notiflux bench` was asked to do, and how it goes about it.
struct BenchSetup: Sendable {
  var load: BenchReport.Load
  var hasUniqueTokens = false
  private var subscribing: Credentials?
  private var publishing: Credentials?
  private var topics: BenchTopics
  private var configuration = ClientConfiguration()
  private var mode = SocketHandshake.Mode.envelopes
  private var warmUp = 0
  private var duration = 0
  private var concurrency = 0
  private let timeout: Int
  private let isJSON: Bool
  private let isQuiet: Bool

  /// Reads what all kinds of load have; the others are read by the methods below.
  init(_ settings: Settings, _ subscribing: Credentials?, _ publishing: Credentials?) throws {
    let name = settings[BenchOptions.topic]
    do {
      topics = try BenchTopics(name: name ?? Self.freshName, count: settings[BenchOptions.topics])
    } catch {
      throw settings.rejection(of: BenchOptions.topic, name ?? "", because: "is no topic: \(error.message)")
    }
    if name == nil, [subscribing, publishing].contains(where: { if case .token? = $0 { true } else { false } }) {
      throw settings.usageError("a given token is for certain topics; name one with --topic TOPIC")
    }
    load = BenchReport.Load(
      kind: .fanout, endpoint: settings[ConnectionOptions.url], topics: settings[BenchOptions.topics],
      threads: settings[BenchOptions.threads])
    self.subscribing = subscribing
    self.publishing = publishing
    timeout = settings[BenchOptions.timeout].inNanoseconds
    isJSON = settings[BenchOptions.json]
    isQuiet = settings[BenchOptions.quiet]
    configuration.connectTimeout = settings[BenchOptions.timeout]
    configuration.caFile = settings[ConnectionOptions.caFile]
  }

  mutating func readMessages(_ settings: Settings) {
    load.rate = settings[BenchOptions.rate]
    load.size = settings[BenchOptions.size]
    warmUp = settings[BenchOptions.warmup].inNanoseconds
    duration = settings[BenchOptions.duration].inNanoseconds
  }

  mutating func readSubscribers(_ settings: Settings) {
    mode = settings[BenchOptions.raw] ? .text : .envelopes
    concurrency = settings[BenchOptions.concurrency]
  }

  /// Nobody else's.
  private static var freshName: String { "bench-" + String(UInt32.random(in: 0 ... .max), radix: 36) }

  // MARK: - The run

  func run() throws -> ExitCode {
    try checkFileLimit()
    // Before other threads start.
    let signals = SignalSource.stream(of: [SIGINT, SIGTERM])
    let plan = try plan()
    let jobs = try jobs()
    return try Blocking.wait {
      let control = RunControl()
      let watching = Task { for await _ in signals { control.interrupt() } }
      defer { watching.cancel() }
      return try await run(plan, jobs, control)
    }
  }

  private func run(_ plan: LoadPlan, _ jobs: [SubscriberJob], _ control: RunControl) async throws -> ExitCode {
    let progress = StatusLine(isShown: !isQuiet)
    defer { progress.finish() }
    let generator = try await Generator.start(plan, threads: load.threads, control: control)
    let run = LoadRun(generator: generator, control: control, progress: progress, plan: plan)
    do {
      let report = try await report(of: run, jobs)
      await generator.shutDown()
      progress.finish()
      try StandardStream.output.write(isJSON ? report.json : Array(report.table.utf8))
      if let error = control.failure { throw error }
      return report.hasPassed ? .success : .failure
    } catch let error as ClientError {
      await generator.shutDown()
      progress.finish()
      throw CommandFailure("\(error)", code: error.exitCode)
    }
  }

  private func report(of run: LoadRun, _ jobs: [SubscriberJob]) async throws -> BenchReport {
    if let job = jobs.first { try await run.scout(job) }
    if !jobs.isEmpty {
      let schedule = SendSchedule(
        rate: load.rate, publishers: load.threads, start: MonotonicClock.now() + 10_000_000)
      let error = try await run.open(
        jobs, concurrency: concurrency, schedule: load.kind == .connect && load.rate > 0 ? schedule : nil)
      if let error, try await run.subscribed() == 0 { throw error }
    }
    var check = (expected: 0, missing: 0)
    if load.kind != .connect {
      try await run.publish(warmUp: warmUp, duration: duration)
      check = try await run.settle()
    }
    var report = try await run.report(load)
    (report.expected, report.lost) = check
    // With nothing to show, why is all there is to say.
    if report.figures.published.total == 0, let error = run.control.failure ?? report.figures.firstPublishError {
      throw error
    }
    await run.sayGoodBye()
    return report
  }

  private func plan() throws -> LoadPlan {
    LoadPlan(
      endpoint: load.endpoint, configuration: configuration, topics: topics,
      format: MessageFormat(size: max(load.size, MessageFormat.leastSize), run: .random(in: 0 ... .max)),
      publishers: load.publishers, publishTokens: try tokens(.broadcast, publishing),
      rate: load.rate > 0 && load.kind != .connect ? load.rate : nil, preferredMode: mode, timeout: timeout)
  }

  private func jobs() throws -> [SubscriberJob] {
    let tokens = try tokens(.subscribe, subscribing)
    return try (0..<load.subscribers).map { index in
      let topic = index % topics.count
      if hasUniqueTokens, let credentials = subscribing.map(lasting) {
        return SubscriberJob(
          topic: topic, token: try credentials.token(.subscribe, topics: [try Topic(topics.text(topic))]))
      }
      return SubscriberJob(topic: topic, token: tokens[topics.tokenIndex(of: topic, among: tokens)])
    }
  }

  private func tokens(_ scope: Scope, _ credentials: Credentials?) throws -> [String] {
    guard let credentials else { return [] }
    if case .token(let token) = credentials {
      do { try BareConnector.check(token: token) } catch { throw CommandFailure("\(error)", code: error.exitCode) }
    }
    return try topics.tokens(scope, from: lasting(credentials))
  }

  /// The same, with tokens that outlive the run.
  private func lasting(_ credentials: Credentials) -> Credentials {
    guard case .minter(var minter) = credentials else { return credentials }
    minter.timeToLive = .nanoseconds(warmUp + duration) + .seconds(3600)
    return .minter(minter)
  }

  private func checkFileLimit() throws(CommandFailure) {
    let limit = Machine.raiseFileLimit()
    // The others are those of the process itself and of its threads.
    let needed = load.subscribers + load.publishers + 32 + 8 * load.threads
    guard needed <= limit else {
      throw CommandFailure(
        "this load needs \(needed) open files and the limit is \(limit); raise it (ulimit -n \(needed)) or ask for less"
      )
    }
  }
}

extension Duration {
  fileprivate var inNanoseconds: Int {
    let (seconds, attoseconds) = components
    return Int(seconds) * 1_000_000_000 + Int(attoseconds / 1_000_000_000)
  }
}
