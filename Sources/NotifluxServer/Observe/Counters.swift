import NotifluxProtocol

/// What one event loop has counted since it began; sums of several are over all of them. Counting is an addition on the
/// loop: nobody else writes here.
struct Counters: Sendable, Equatable {
  /// What an answer was to, `nil` where the request had no route, and its status.
  struct Answer: Hashable, Sendable {
    let route: Route?
    let status: Status
  }

  /// Connections let in.
  var connectionsAccepted = 0
  var connectionsClosed = Counts<CloseCause>()
  var limitsReached = Counts<ReachedLimit>()
  /// Publishes answered in the common form: nearly all answers there are.
  var commonAnswers = 0
  private var otherAnswers: [Answer: Int] = [:]
  var publishesRefused = Counts<ErrorCode>()
  var subscribesRefused = Counts<ErrorCode>()
  /// Subscribes with a place to go on from.
  var resumes = 0
  var gaps = Counts<GapCause>()
  /// Messages sent out of the history.
  var messagesReplayed = 0
  /// Seconds from when a publish was read to when its answer was offered to the socket.
  var publishLatency = LatencyHistogram()
  /// Seconds from when a message was accepted to when it was offered to the sockets of this loop's subscribers.
  var deliveryLatency = LatencyHistogram()

  var answers: [Answer: Int] {
    otherAnswers.merging([Answer(route: .broadcast, status: .ok): commonAnswers], uniquingKeysWith: +)
  }

  mutating func answered(_ answer: Answer) { otherAnswers[answer, default: 0] += 1 }

  mutating func add(_ other: Counters) {
    connectionsAccepted += other.connectionsAccepted
    connectionsClosed.add(other.connectionsClosed)
    limitsReached.add(other.limitsReached)
    commonAnswers += other.commonAnswers
    otherAnswers.merge(other.otherAnswers, uniquingKeysWith: +)
    publishesRefused.add(other.publishesRefused)
    subscribesRefused.add(other.subscribesRefused)
    resumes += other.resumes
    gaps.add(other.gaps)
    messagesReplayed += other.messagesReplayed
    publishLatency.add(other.publishLatency)
    deliveryLatency.add(other.deliveryLatency)
  }
}
