import NIOCore
import NotifluxProtocol

/// The order of things on the one connection messages are published over: what is sent when, what is sent again after
/// a failure, what is given up. Pure: it is told what happened and returns what is to be done. It knows jobs by number.
///
/// Two promises. Messages are sent in the order they came in, also the second time. Nothing is sent a second time
/// unless that is safe: none of it went out, or the server said it took nothing, or it carries an idempotency id that
/// the server still remembers.
struct PublishMachine {
  struct Job: Equatable {
    let number: Int
    /// Whether it carries an idempotency id.
    let hasID: Bool
    var failures = 0
    var firstFailure: NIODeadline?
    var isCancelled = false
    var firstSent: NIODeadline?
    var lastSent: NIODeadline?
  }

  enum Action: Equatable {
    case connect
    /// Let go of the current connection; nothing that happens on it matters any more.
    case close
    case send(Int)
    /// Call ``PublishMachine/waited(now:)`` after a backoff for so many failures, no sooner than `atLeast` and no later
    /// than `atMost`.
    case wait(failures: Int, atLeast: Duration?, atMost: Duration? = nil)
    case succeed(Int, Cursor)
    case fail(Int, ClientError)
  }

  struct Limits {
    var retries: Int
    /// In place of `retries`: for how long after its first failure a message is tried again, at last when it has passed.
    var retryTime: TimeAmount?
    var pipelining: Int
    var requestTimeout: TimeAmount
    /// A connection that was idle for longer is not trusted with a message; servers let go at 75 s.
    var longestIdle: TimeAmount = .seconds(60)
    /// A server that wants us to stay away for longer gets its refusal believed at once.
    var longestWait: Duration = .seconds(60)
    /// For how long a server remembers an id.
    var idempotencyWindow: TimeAmount = .seconds(Int64(NotifluxProtocol.Limits.idempotencyWindow))
  }

  private enum Connection: Equatable {
    case none
    case connecting
    case open(answered: Int)
  }

  private let endpoint: Endpoint
  private let limits: Limits
  private var connection = Connection.none
  private var isWaiting = false
  /// Not sent yet, or to be sent again.
  private var queue: CircularBuffer<Job> = []
  /// Sent and not answered, oldest first: answers come in this order (RFC 9112 §9.3.2).
  private var inFlight: CircularBuffer<Job> = []
  /// Refused for the moment while others were still in flight.
  private var refused: [Job] = []
  private var retryAfter: Duration?
  private var lastActivity = NIODeadline.distantPast

  init(endpoint: Endpoint, limits: Limits) {
    self.endpoint = endpoint
    self.limits = limits
  }

  /// When ``checkTimeout(now:)`` must be called; `nil` while nothing is in flight.
  var nextTimeout: NIODeadline? {
    inFlight.first?.lastSent.map { max($0, lastActivity) + limits.requestTimeout }
  }

  mutating func enqueue(_ number: Int, hasID: Bool, now: NIODeadline) -> [Action] {
    queue.append(Job(number: number, hasID: hasID))
    return advance(now: now)
  }

  mutating func connected(now: NIODeadline) -> [Action] {
    connection = .open(answered: 0)
    lastActivity = now
    return advance(now: now)
  }

  /// There was no connection to be had: a failure for every message that waits for one.
  mutating func connectFailed(_ error: ClientError, now: NIODeadline) -> [Action] {
    connection = .none
    var actions: [Action] = []
    var again: [Job] = []
    for job in queue {
      if let job = countingFailure(of: job, error, now: now) {
        again.append(job)
      } else {
        actions.append(fail(job, error))
      }
    }
    queue = CircularBuffer(again)
    return actions + (again.isEmpty ? [] : pause(now: now))
  }

  /// The connection ended by itself.
  mutating func disconnected(_ error: ClientError, now: NIODeadline) -> [Action] {
    lose(error, isFailure: connection == .open(answered: 0), now: now)
  }

  mutating func answered(_ verdict: Verdict, keepsAlive: Bool, now: NIODeadline) -> [Action] {
    guard var job = inFlight.popFirst() else { return [] }
    if case .open(let answered) = connection { connection = .open(answered: answered + 1) }
    lastActivity = now
    var actions: [Action] = []
    switch verdict {
    case .accepted(let cursor): actions.append(.succeed(job.number, cursor))
    case .failed(let error): actions.append(.fail(job.number, error))
    case .temporary(let error, let after, let isUndelivered):
      job.fail(now: now)
      if !hasTriesLeft(job, now: now) || after ?? .zero > longestWait(of: job, now: now)
        || !(isUndelivered || maySendAgain(job, now: now))
      {
        actions.append(.fail(job.number, error))
      } else {
        refused.append(job)
        retryAfter = max(retryAfter ?? .zero, after ?? .zero)
      }
    }
    if keepsAlive { return actions + (inFlight.isEmpty && !refused.isEmpty ? pause(now: now) : advance(now: now)) }
    let end = ClientError.unreachable(endpoint, reason: "the server closed the connection before it answered")
    return actions + [.close] + lose(end, isFailure: false, now: now)
  }

  mutating func waited(now: NIODeadline) -> [Action] {
    isWaiting = false
    return advance(now: now)
  }

  mutating func checkTimeout(now: NIODeadline) -> [Action] {
    guard let deadline = nextTimeout, deadline <= now else { return [] }
    let limit = Duration(limits.requestTimeout).forPeople
    return [.close] + lose(.timedOut(endpoint, reason: "no answer within \(limit)"), isFailure: true, now: now)
  }

  /// Forgets a message. One that is in flight keeps its place, so that its answer is not taken for another's; its
  /// number may come up once more, in an action to be ignored.
  mutating func cancel(_ number: Int) {
    queue.removeAll { $0.number == number }
    refused.removeAll { $0.number == number }
    if let index = inFlight.firstIndex(where: { $0.number == number }) { inFlight[index].isCancelled = true }
  }

  /// Gives up everything.
  mutating func shutDown() -> [Action] {
    let all = refused + Array(inFlight) + Array(queue)
    (refused, inFlight, queue) = ([], [], [])
    connection = .none
    return [.close] + all.map { .fail($0.number, .cancelled) }
  }

  // MARK: -

  /// Sends what may be sent, connects if that takes a connection.
  private mutating func advance(now: NIODeadline) -> [Action] {
    guard !isWaiting, refused.isEmpty, !queue.isEmpty else { return [] }
    switch connection {
    case .connecting: return []
    case .none:
      connection = .connecting
      return [.connect]
    case .open where inFlight.isEmpty && now - lastActivity > limits.longestIdle:
      connection = .connecting
      return [.close, .connect]
    case .open(let answered):
      var actions: [Action] = []
      while var job = queue.first, mayFollow(job, answered: answered) {
        queue.removeFirst()
        if inFlight.isEmpty { lastActivity = now }
        job.firstSent = job.firstSent ?? now
        job.lastSent = now
        inFlight.append(job)
        actions.append(.send(job.number))
      }
      return actions
    }
  }

  /// Only what can safely be sent again is pipelined, and not on a connection that may be closed after its first
  /// answer (RFC 9112 §9.3.2).
  private func mayFollow(_ job: Job, answered: Int) -> Bool {
    guard let last = inFlight.last else { return true }
    return job.hasID && last.hasID && answered > 0 && inFlight.count < limits.pipelining
  }

  /// The connection is gone. Where that is nobody's fault, as when a server closes a kept-alive connection, what was in
  /// flight goes out again without counting it as a failure; else the oldest in flight has failed.
  private mutating func lose(_ error: ClientError, isFailure: Bool, now: NIODeadline) -> [Action] {
    connection = .none
    let lost = inFlight
    inFlight = []
    var actions: [Action] = []
    var again: [Job] = []
    for (index, job) in lost.enumerated() where !job.isCancelled {
      let counts = isFailure && index == 0
      if let job = counts ? countingFailure(of: job, error, now: now) : maySendAgain(job, now: now) ? job : nil {
        again.append(job)
      } else {
        actions.append(fail(job, error))
      }
    }
    let mustWait = !refused.isEmpty || isFailure && again.first?.number == lost.first?.number && !again.isEmpty
    queue = CircularBuffer(again + queue)
    return actions + (mustWait ? pause(now: now) : advance(now: now))
  }

  /// The job with one failure more, if it may be tried again.
  private func countingFailure(of job: Job, _ error: ClientError, now: NIODeadline) -> Job? {
    var job = job
    job.fail(now: now)
    return hasTriesLeft(job, now: now) && error.isWorthRetrying && maySendAgain(job, now: now) ? job : nil
  }

  private func hasTriesLeft(_ job: Job, now: NIODeadline) -> Bool {
    timeLeft(of: job, now: now).map { $0 > .zero } ?? (job.failures <= limits.retries)
  }

  /// `nil` where tries are counted.
  private func timeLeft(of job: Job, now: NIODeadline) -> Duration? {
    guard let time = limits.retryTime else { return nil }
    return Duration((job.firstFailure ?? now) + time - now)
  }

  private func longestWait(of job: Job, now: NIODeadline) -> Duration {
    min(limits.longestWait, timeLeft(of: job, now: now) ?? limits.longestWait)
  }

  private func maySendAgain(_ job: Job, now: NIODeadline) -> Bool {
    guard let sent = job.firstSent else { return true }
    return job.hasID && now - sent < limits.idempotencyWindow
  }

  private func fail(_ job: Job, _ error: ClientError) -> Action {
    .fail(job.number, job.firstSent == nil ? error : error.afterSending)
  }

  /// Holds everything back for a while, what was refused in its old place.
  private mutating func pause(now: NIODeadline) -> [Action] {
    queue = CircularBuffer(refused + queue)
    refused = []
    let atLeast = retryAfter
    retryAfter = nil
    guard !isWaiting else { return [] }
    isWaiting = true
    let atMost = queue.first.flatMap { timeLeft(of: $0, now: now) }
    return [.wait(failures: max(0, (queue.first?.failures ?? 1) - 1), atLeast: atLeast, atMost: atMost)]
  }
}

extension PublishMachine.Job {
  fileprivate mutating func fail(now: NIODeadline) {
    failures += 1
    firstFailure = firstFailure ?? now
  }
}

extension ClientError {
  /// The same error for a message that went out and got no answer.
  fileprivate var afterSending: ClientError {
    let doubt = "; the message may have been published all the same"
    return switch self {
    case .unreachable(let endpoint, let reason): .unreachable(endpoint, reason: reason + doubt)
    case .timedOut(let endpoint, let reason): .timedOut(endpoint, reason: reason + doubt)
    default: self
    }
  }
}
