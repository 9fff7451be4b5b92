import NotifluxClient

/// One run of `notiflux bench`, step by step: subscribers connect, publishers publish, all that was sent is waited for, and
/// everyone says good-bye. Runs outside the generator's threads and looks at them now and then.
struct LoadRun: Sendable {
  let generator: Generator
  let control: RunControl
  let progress: StatusLine
  let plan: LoadPlan

  /// How often what goes on is looked at.
  private static let glance = Duration.milliseconds(50)
  /// Nothing more is awaited when for so long nothing has come.
  private static let quiet = 2_000_000_000
  /// The longest that messages under way are waited for.
  private static let patience = 30_000_000_000

  // MARK: - Subscribers

  /// Makes one connection more than what is measured, to see that it can be done at all. Throws why not.
  func scout(_ job: SubscriberJob) async throws {
    let generator = try await Generator.start(plan, threads: 1, control: control)
    let scouting = LoadRun(generator: generator, control: control, progress: progress, plan: plan)
    let error = try await scouting.open([job], concurrency: 1, schedule: nil)
    await scouting.sayGoodBye()
    await generator.shutDown()
    if let error { throw error }
  }

  /// Opens a connection for each job; returns when all are subscribed or have failed, with the first failure.
  @discardableResult
  func open(_ jobs: [SubscriberJob], concurrency: Int, schedule: SendSchedule?) async throws -> ClientError? {
    let threads = generator.threadCount
    let shares = (0..<threads).map { index in stride(from: index, to: jobs.count, by: threads).map { jobs[$0] } }
    _ = try await generator.each { thread in
      thread.beginSpan()
      thread.open(
        shares[thread.index], concurrency: max(1, (concurrency + threads - 1 - thread.index) / threads),
        schedule: schedule)
    }
    try await until {
      let states = try await generator.each { ($0.opener?.done ?? 0, $0.opener?.isDone ?? true) }
      progress.show("connected \(grouped(states.reduce(0) { $0 + $1.0 })) of \(grouped(jobs.count))")
      return states.allSatisfy(\.1)
    }
    let errors = try await generator.each { thread in
      thread.endSpan()
      return thread.opener?.firstError
    }
    return errors.lazy.compactMap(\.self).first
  }

  /// How many subscribers there are now.
  func subscribed() async throws -> Int { try await generator.each { $0.liveSubscribers }.reduce(0, +) }

  /// Closes what is subscribed, and waits a little for the answers.
  func sayGoodBye() async {
    _ = try? await generator.each { $0.closeSubscribers() }
    let deadline = MonotonicClock.now() + Self.quiet
    try? await until {
      try await generator.each { $0.liveSubscribers }.allSatisfy { $0 == 0 } || MonotonicClock.now() > deadline
    }
  }

  // MARK: - Messages

  /// Publishes for the warm-up and the measured time after it, both in nanoseconds; returns when every message has its
  /// answer, or will not get one.
  func publish(warmUp: Int, duration: Int) async throws {
    let threads = generator.threadCount
    let publishers = plan.publishers
    _ = try await generator.each { thread in
      thread.connect(publishers: Array(stride(from: thread.index, to: publishers, by: threads)))
    }
    try await until {
      if control.isEnding { return true }
      return try await generator.each { $0.publishers.allSatisfy(\.hasConnected) }.allSatisfy(\.self)
    }
    guard !control.isEnding else { return }
    let start = MonotonicClock.now() + 10_000_000
    let time = MeasuredTime(from: start + warmUp, until: start + warmUp + duration)
    _ = try await generator.each { $0.publish(from: start, measuring: time) }
    try await watch(time)
    let now = MonotonicClock.now()
    _ = try await generator.each { thread in
      thread.stopMeasuring(at: now)
      thread.stopPublishers()
    }
    progress.show("waiting for the last answers")
    try await until {
      if control.isImpatient { return true }
      return try await generator.each { $0.publishers.allSatisfy(\.isIdle) }.allSatisfy(\.self)
    }
  }

  private func watch(_ time: MeasuredTime) async throws {
    var before = (at: MonotonicClock.now(), delivered: 0, published: 0)
    var shownAt = 0
    try await until {
      let now = MonotonicClock.now()
      if now - shownAt > 250_000_000 {
        shownAt = now
        let counts = try await generator.each { ($0.figures.delivered.total, $0.figures.published.total) }
        let sums = counts.reduce((0, 0)) { ($0.0 + $1.0, $0.1 + $1.1) }
        let seconds = Double(max(1, now - before.at)) / 1e9
        let phase = now < time.from ? "warming up" : "\((time.until - now) / 1_000_000_000 + 1) s to go"
        let delivered = sums.0 > 0 ? ", \(Figures.rate(Double(sums.0 - before.delivered) / seconds)) delivered/s" : ""
        progress.show("\(phase), \(Figures.rate(Double(sums.1 - before.published) / seconds)) published/s\(delivered)")
        before = (now, sums.0, sums.1)
      }
      return now >= time.until || control.isEnding
    }
  }

  /// Waits until all that was sent has come, or nothing comes any more; returns what had to come and what did not.
  func settle() async throws -> (expected: Int, missing: Int) {
    var sent: [[SentNumbers]] = Array(repeating: [], count: plan.publishers)
    for (publisher, topics) in try await generator.each({ $0.sent }).joined() { sent[publisher] = topics }
    // A publisher that was never there sent nothing.
    let nothing = Array(repeating: SentNumbers(), count: plan.topics.count)
    let ledger = sent.map { $0.isEmpty ? nothing : $0 }
    let deadline = MonotonicClock.now() + Self.patience
    var last = (count: -1, at: 0)
    var result = (expected: 0, missing: 0)
    try await until {
      let counts = try await generator.each { ($0.check(ledger), $0.figures.delivered.total) }
      result = counts.reduce((0, 0)) { ($0.0 + $1.0.expected, $0.1 + $1.0.missing) }
      let delivered = counts.reduce(0) { $0 + $1.1 }
      let now = MonotonicClock.now()
      if delivered != last.count { last = (delivered, now) }
      if result.missing > 0 { progress.show("waiting for \(Figures.count(result.missing, "delivery", "deliveries"))") }
      return result.missing == 0 || now - last.at > Self.quiet || now > deadline || control.isImpatient
    }
    return result
  }

  // MARK: - Results

  func report(_ load: BenchReport.Load) async throws -> BenchReport {
    let threads = try await generator.each { ($0.figures, $0.span, $0.measured) }
    var figures = ThreadFigures()
    for (thread, _, _) in threads { figures.merge(thread) }
    let measured = threads.first?.2 ?? .never
    return BenchReport(
      load: load, figures: figures, seconds: measured == .never ? 0 : measured.seconds,
      generator: GeneratorLoad(threads.map(\.1), cores: Machine.allowedCores), wasInterrupted: control.wasInterrupted)
  }

  /// Looks at `condition` until it holds.
  private func until(_ condition: () async throws -> Bool) async throws {
    while try await !condition() { try await Task.sleep(for: Self.glance) }
  }
}
