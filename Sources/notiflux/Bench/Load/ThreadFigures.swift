import NotifluxClient

/// What one thread counted; those of all threads add up.
struct ThreadFigures: Sendable {
  /// Connections of subscribers.
  struct Connections: Sendable {
    var subscribed = 0
    /// Until the answer `101`, and until the subscription was confirmed; from the moment each was due.
    var upgradeTime = Histogram()
    var subscribeTime = Histogram()
    /// Those that never got so far.
    var failures = Tally()
    /// Those that ended before the run did.
    var closed = Tally()
    /// Which protocols were agreed on.
    var modes = Tally()
    var firstBegun = Int.max
    var lastDone = 0
  }

  /// `total`: of the whole run, warm-up included. `measured`: what happened in the measured time.
  struct Messages: Sendable {
    var total = 0
    var measured = 0
    /// Of messages that were due in the measured time, whenever they were through.
    var time = Histogram()
  }

  var connections = Connections()
  /// Publishes that were accepted.
  var published = Messages()
  private(set) var publishErrors = Tally()
  private(set) var firstPublishError: ClientError?
  /// Connections of publishers that the server ended, and that were made again.
  var reconnects = 0
  /// First arrivals.
  var delivered = Messages()
  var doubled = 0
  /// Overtaken by a later message of the same publisher and topic.
  var reordered = 0
  /// They came to a subscriber of another topic.
  var strayed = 0
  /// `gap` envelopes.
  var gaps = 0
  /// Messages of somebody else.
  var foreign = 0

  mutating func add(publishError error: ClientError, named name: String) {
    firstPublishError = firstPublishError ?? error
    publishErrors.add(name)
  }

  mutating func merge(_ other: ThreadFigures) {
    connections.merge(other.connections)
    published.merge(other.published)
    publishErrors.merge(other.publishErrors)
    firstPublishError = firstPublishError ?? other.firstPublishError
    reconnects += other.reconnects
    delivered.merge(other.delivered)
    doubled += other.doubled
    reordered += other.reordered
    strayed += other.strayed
    gaps += other.gaps
    foreign += other.foreign
  }
}

extension ThreadFigures.Connections {
  mutating func merge(_ other: Self) {
    subscribed += other.subscribed
    upgradeTime.merge(other.upgradeTime)
    subscribeTime.merge(other.subscribeTime)
    failures.merge(other.failures)
    closed.merge(other.closed)
    modes.merge(other.modes)
    firstBegun = min(firstBegun, other.firstBegun)
    lastDone = max(lastDone, other.lastDone)
  }
}

extension ThreadFigures.Messages {
  mutating func merge(_ other: Self) {
    total += other.total
    measured += other.measured
    time.merge(other.time)
  }

  /// Counts one that was due at one time and through at another.
  @inline(__always)
  mutating func count(dueAt: Int, now: Int, in time: MeasuredTime) {
    total += 1
    if time.contains(now) { measured += 1 }
    if time.contains(dueAt) { self.time.record(now - dueAt) }
  }
}
