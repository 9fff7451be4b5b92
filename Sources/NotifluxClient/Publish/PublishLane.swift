import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// The shell around ``PublishMachine``: one kept-alive connection, its timers, and the promises of those who wait for
/// their answers.
///
/// `@unchecked Sendable`: everything but ``enqueue(_:)``, ``cancel(_:)`` and ``shutDown()`` is confined to `eventLoop`,
/// and those three only hop there.
final class PublishLane: @unchecked Sendable {
  /// One message on its way.
  struct Job: Sendable {
    let number: Int
    let hasID: Bool
    let token: String
    let body: ByteBuffer
    let promise: EventLoopPromise<Cursor>
  }

  let eventLoop: any EventLoop
  private let connector: Connector
  private let requestTimeout: TimeAmount
  private let backoff: Backoff
  private let path: String
  private var machine: PublishMachine
  private var jobs: [Int: Job] = [:]
  /// Kept by identity: what an earlier connection still reports is ignored.
  private var connection: AnswerHandler?
  private var isTimerSet = false
  private var isFlushScheduled = false

  init(connector: Connector, configuration: ClientConfiguration) {
    self.connector = connector
    eventLoop = connector.eventLoop
    requestTimeout = TimeAmount(configuration.requestTimeout)
    backoff = Backoff(base: configuration.backoffBase, cap: configuration.backoffCap)
    path = connector.endpoint.path(for: "/broadcast")
    let limits = PublishMachine.Limits(
      retries: configuration.retries, retryTime: configuration.retryTime.map { TimeAmount($0) },
      pipelining: configuration.pipelining, requestTimeout: requestTimeout)
    machine = PublishMachine(endpoint: connector.endpoint, limits: limits)
  }

  deinit { connection?.close() }

  var isShutDown: Bool { connector.isShutDown }

  func enqueue(_ job: Job) {
    eventLoop.execute {
      guard !self.isShutDown else { return job.promise.fail(ClientError.cancelled) }
      self.jobs[job.number] = job
      self.perform(self.machine.enqueue(job.number, hasID: job.hasID, now: .now()))
    }
  }

  func cancel(_ number: Int) {
    eventLoop.execute {
      self.machine.cancel(number)
      self.jobs.removeValue(forKey: number)?.promise.fail(ClientError.cancelled)
    }
  }

  /// Fails what is under way with ``ClientError/cancelled``, and everything from now on.
  func shutDown() async {
    let done = eventLoop.submit {
      self.perform(self.machine.shutDown())
    }
    try? await done.get()
  }

  // MARK: - What happens on the connection

  func answered(_ answer: HTTPAnswer, on handler: AnswerHandler) {
    guard handler === connection else { return }
    let verdict = Verdict(answer, from: connector.endpoint)
    perform(machine.answered(verdict, keepsAlive: answer.keepsAlive, now: .now()))
  }

  func disconnected(_ error: (any Error)?, on handler: AnswerHandler) {
    guard handler === connection else { return }
    connection = nil
    let endpoint = connector.endpoint
    let reason = "the server closed the connection before it answered"
    let cause = error.map { ClientError($0, at: endpoint) } ?? .unreachable(endpoint, reason: reason)
    perform(machine.disconnected(cause, now: .now()))
  }

  // MARK: - What the machine wants

  private func perform(_ actions: [PublishMachine.Action]) {
    for action in actions {
      switch action {
      case .connect: connect()
      case .close:
        connection?.close()
        connection = nil
      case .send(let number): if let job = jobs[number] { send(job) }
      case .wait(let failures, let atLeast, let atMost): wait(failures: failures, atLeast: atLeast, atMost: atMost)
      case .succeed(let number, let cursor): jobs.removeValue(forKey: number)?.promise.succeed(cursor)
      case .fail(let number, let error): jobs.removeValue(forKey: number)?.promise.fail(error)
      }
    }
    setTimer()
  }

  private func connect() {
    connector.connect()
      .flatMapThrowing { channel -> AnswerHandler in
        let handler = AnswerHandler(channel: channel, lane: self)
        try channel.pipeline.syncOperations.addHTTPClientHandlers()
        try channel.pipeline.syncOperations.addHandler(handler)
        return handler
      }
      .assumeIsolated()
      .whenComplete { result in
        switch result {
        case .success(let handler) where self.isShutDown: handler.close()
        case .success(let handler):
          self.connection = handler
          self.perform(self.machine.connected(now: .now()))
        case .failure(let error):
          let error = ClientError(error, at: self.connector.endpoint)
          self.perform(self.machine.connectFailed(error, now: .now()))
        }
      }
  }

  private func send(_ job: Job) {
    guard let connection else { return }
    var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: path)
    head.headers = [
      "Host": connector.endpoint.hostHeader, "User-Agent": "notiflux", "Authorization": "Bearer \(job.token)",
      "Content-Type": "application/json", "Content-Length": "\(job.body.readableBytes)",
    ]
    connection.write(head, job.body)
    guard !isFlushScheduled else { return }
    // Once for all that this turn of the loop sends.
    isFlushScheduled = true
    eventLoop.assumeIsolated().execute {
      self.isFlushScheduled = false
      self.connection?.flush()
    }
  }

  private func wait(failures: Int, atLeast: Duration?, atMost: Duration?) {
    var generator = SystemRandomNumberGenerator()
    let delay = (atLeast ?? .zero) + backoff.delay(failures: failures, using: &generator)
    eventLoop.assumeIsolated().scheduleTask(in: TimeAmount(min(delay, atMost ?? delay))) {
      self.perform(self.machine.waited(now: .now()))
    }
  }

  /// One timer for all: it looks for the oldest request each time it fires.
  private func setTimer() {
    guard !isTimerSet, let deadline = machine.nextTimeout else { return }
    isTimerSet = true
    eventLoop.assumeIsolated().scheduleTask(deadline: deadline) {
      self.isTimerSet = false
      self.perform(self.machine.checkTimeout(now: .now()))
    }
  }
}
