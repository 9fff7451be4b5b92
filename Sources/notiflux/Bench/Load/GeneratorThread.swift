import NIOCore
import NotifluxClient

/// One thread of the generator and all that lives on it. Confined to its event loop.
final class GeneratorThread {
  let index: Int
  let plan: LoadPlan
  let control: RunControl
  let eventLoop: any EventLoop
  let connector: BareConnector
  var figures = ThreadFigures()
  private(set) var measured = MeasuredTime.never
  private(set) var span: (from: ThreadTime, until: ThreadTime)
  /// Those that are or were subscribed.
  private(set) var subscribers: [SubscriberConnection] = []
  private(set) var publishers: [BenchPublisher] = []
  /// One for each token.
  private var templates: [PublishTemplate]
  private(set) var opener: ConnectionOpener?

  init(index: Int, plan: LoadPlan, control: RunControl, eventLoop: any EventLoop) {
    self.index = index
    self.plan = plan
    self.control = control
    self.eventLoop = eventLoop
    connector = BareConnector(endpoint: plan.endpoint, eventLoop: eventLoop, configuration: plan.configuration)
    let now = ThreadTime.now()
    span = (now, now)
    templates = plan.publishTokens.map { token in
      PublishTemplate(endpoint: plan.endpoint, token: token, topics: plan.topics, format: plan.format)
    }
  }

  // MARK: - Subscribers

  /// Opens connections, `concurrency` at once; `schedule` says when each is due.
  func open(_ jobs: [SubscriberJob], concurrency: Int, schedule: SendSchedule?) {
    let opener = ConnectionOpener(thread: self, jobs: jobs, concurrency: concurrency, schedule: schedule)
    self.opener = opener
    opener.openMore()
  }

  func hold(_ subscriber: SubscriberConnection) { subscribers.append(subscriber) }

  var liveSubscribers: Int { subscribers.count { !$0.hasEnded } }

  /// Says good-bye on all connections that are subscribed.
  func closeSubscribers() { for subscriber in subscribers { subscriber.close() } }

  // MARK: - Publishers

  /// Connects the publishers with these numbers.
  func connect(publishers numbers: [Int]) {
    publishers = numbers.map { BenchPublisher(number: $0, thread: self) }
    for publisher in publishers { publisher.connect() }
  }

  /// Has the connected publishers send from `start` until `time` is over.
  func publish(from start: Int, measuring time: MeasuredTime) {
    measured = time
    let schedule = plan.rate.map { SendSchedule(rate: $0, publishers: plan.publishers, start: start) }
    at(time.from) { $0.span.from = .now() }
    at(time.until) { if $0.measured == time { $0.span.until = .now() } }
    for publisher in publishers { publisher.start(schedule: schedule, until: time.until) }
    watchForTimeouts()
  }

  /// Ends the measured time now, if it has not ended by itself.
  func stopMeasuring(at now: Int) {
    guard now < measured.until else { return }
    measured.until = now
    span.until = .now()
  }

  func stopPublishers() { for publisher in publishers { publisher.stop() } }

  func request(for message: BenchMessage) -> ByteBuffer {
    let index = plan.topics.tokenIndex(of: message.topic, among: plan.publishTokens)
    return templates[index].request(for: message)
  }

  private func watchForTimeouts() {
    eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(100)) {
      let now = MonotonicClock.now()
      for publisher in self.publishers { publisher.checkTimeout(now: now) }
      if self.publishers.contains(where: { !$0.isIdle }) { self.watchForTimeouts() }
    }
  }

  // MARK: - Time and results

  func beginSpan() { span.from = .now() }
  func endSpan() { span.until = .now() }

  func at(_ time: Int, _ body: @escaping (GeneratorThread) -> Void) {
    eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(UInt64(time))) { body(self) }
  }

  /// What each publisher sent, by topic.
  var sent: [(publisher: Int, topics: [SentNumbers])] { publishers.map { ($0.number, $0.sent) } }

  /// What came and what is missing, of all that the publishers sent. `sent` has a row for each publisher, by topic.
  func check(_ sent: [[SentNumbers]]) -> (expected: Int, missing: Int) {
    subscribers.reduce(into: (expected: 0, missing: 0)) { sum, subscriber in
      let (expected, missing) = subscriber.check(sent)
      sum.expected += expected
      sum.missing += missing
    }
  }
}
