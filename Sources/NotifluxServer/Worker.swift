import Logging
import NotifluxJWT
import NotifluxProtocol
import Synchronization

/// Everything one event loop owns: its part of the hub, its connections and their time-outs. Confined to the loop.
final class Worker {
  let configuration: ServerConfiguration
  let services: Services
  let loop: any WorkerLoop
  let hub: LoopHub<SubscriberConnection>
  let site: Site
  /// Which of the server's loops this is, from 0 on.
  let index: Int
  private(set) var isDraining = false
  /// Time-outs that are served before others get their turn.
  private static let timeOutsPerTurn = 32
  /// Connections that are asked whether they are revoked, likewise: a fraction of a millisecond.
  private static let judgedPerTurn = 1024

  private var wheel = TimerWheel<Connection>()
  /// Whose time has come: no longer in the wheel.
  private var due: ContiguousArray<Connection> = []
  let lobby: Lobby
  /// What publishers of this loop were granted.
  var grants = GrantTable()
  var counters = Counters()
  var log: LoopLog
  /// When the publishes were read that were answered since ``settle()``.
  var answeredPublishes: ContiguousArray<Double> = []
  /// What the log was told of.
  private var loggedLimits = Counts<ReachedLimit>()
  /// Connections so far: the number of the newest one.
  private var connectionNumber: UInt32 = 0
  /// The value of a `Date` field, at most one tick old.
  private(set) var date: String
  var acceptedAnswers: AcceptedAnswers

  init(
    configuration: ServerConfiguration, services: Services, hub: LoopHub<SubscriberConnection>, loop: any WorkerLoop,
    site: Site = .clients, index: Int = 0
  ) {
    self.configuration = configuration
    self.services = services
    self.hub = hub
    self.loop = loop
    self.site = site
    self.index = index
    log = LoopLog(services.logger)
    // Connections are dealt to the workers in turn: each has its share.
    let workers = configuration.workers
    lobby = Lobby(limit: (configuration.maximumHTTPConnections + workers - 1) / workers)
    date = HTTPDate.text(secondsSince1970: Int(services.now()))
    acceptedAnswers = AcceptedAnswers(date: date)
  }

  /// Ticks since the worker began.
  var now: Int { wheel.now }
  var connectionCount: Int { wheel.count + due.count }

  /// (Re)schedules a connection's only time-out.
  func schedule(_ connection: Connection, at deadline: Int) { wheel.schedule(connection, at: deadline) }

  func remove(_ connection: Connection) { wheel.cancel(connection) }

  /// On the loop: time passes from now on, a tick every `interval`.
  func start(ticking interval: Duration) {
    loop.onTurnEnd { self.settle() }
    loop.startTicking(every: interval) { self.tick() }
  }

  /// At the end of a turn: what was written in it has been offered to the sockets.
  private func settle() {
    guard hub.hasUnsettled || !answeredPublishes.isEmpty else { return }
    let now = SystemClock.uptime()
    hub.settle(now, into: &counters.deliveryLatency)
    for began in answeredPublishes { counters.publishLatency.record(now - began) }
    answeredPublishes.clear()
  }

  func nextConnectionNumber() -> UInt32 {
    connectionNumber &+= 1
    return connectionNumber
  }

  // MARK: Admission

  /// Counts a new connection, if there may be one more of this client.
  func admit(_ client: ClientAddress) -> ConnectionCount.Admission {
    let admission = services.connections.enter(client)
    switch admission {
    case .welcome: counters.connectionsAccepted += 1
    case .serverFull: counters.limitsReached[.connections] += 1
    case .addressFull: counters.limitsReached[.connectionsPerAddress] += 1
    }
    return admission
  }

  /// Lets a connection that begins with HTTP in, if need be for another one.
  func welcome(_ connection: HTTPConnection) {
    guard let leaving = lobby.enter(connection) else { return }
    counters.limitsReached[.httpConnections] += 1
    counters.connectionsClosed[.displaced] += 1
    leaving.transport?.close()
  }

  private var connections: [Connection] { wheel.entries + due }

  /// From now on requests are refused. Those that have been read get their answers, and nobody has to leave yet.
  func refuseRequests() { isDraining = true }

  /// Has each connection leave; the `index`-th of all workers' connections is to come back after its share of the time.
  func drain(schedule: DrainSchedule, firstIndex: Int) {
    isDraining = true
    for (index, connection) in connections.enumerated() {
      connection.drain(reconnectIn: schedule.milliseconds(forClient: firstIndex + index))
    }
  }

  /// Has each connection leave that goes on by a token which is revoked now; a part of them each turn.
  func revoke(by revocations: RevocationList) { revoke(by: revocations, connections[...]) }

  private func revoke(by revocations: RevocationList, _ connections: ArraySlice<Connection>) {
    for connection in connections.prefix(Self.judgedPerTurn) { connection.revoke(by: revocations) }
    let rest = connections.dropFirst(Self.judgedPerTurn)
    if !rest.isEmpty { loop.executeIsolated { self.revoke(by: revocations, rest) } }
  }

  /// Closes every connection at once.
  func closeAll() {
    isDraining = true
    for connection in connections { connection.transport?.close() }
  }

  /// Once a second.
  func tick() {
    date = HTTPDate.text(secondsSince1970: Int(services.now()))
    acceptedAnswers = AcceptedAnswers(date: date)
    // The hub's own loops do that, not the one that only looks on.
    if case .clients = site {
      services.hub.expire()
      services.authorizer.sweep()
    }
    hub.tick()
    log.tick()
    logLimits()
    due += wheel.advance()
    serveDue()
  }

  /// One line a tick of each limit that was run into.
  private func logLimits() {
    for (limit, count) in counters.limitsReached.risen(since: loggedLimits) {
      guard let warning = limit.warning else { continue }
      services.logger.warning(warning, metadata: [LogKey.count: "\(count)"])
    }
    loggedLimits = counters.limitsReached
  }

  /// A few at a time, each turn some: thousands of pings together would hold messages up.
  private func serveDue() {
    let now = wheel.now
    for _ in 0..<Self.timeOutsPerTurn {
      // One that is still alive comes back into the wheel with its next deadline, unless it is back already.
      guard let connection = due.popLast() else { return }
      if connection.transport != nil, connection.timerPlace == nil { connection.timeOut(now: now) }
    }
    if !due.isEmpty { loop.executeIsolated { self.serveDue() } }
  }
}

@available(*, unavailable)
extension Worker: Sendable {}

/// What all workers share. Everything in it is safe on any thread.
struct Services: Sendable {
  let hub: Hub
  let authorizer: Authorizer
  let logger: Logger
  /// Connections of all workers together.
  var connections: ConnectionCount
  var requestMemory = RequestMemory(limit: 256 << 20)
  var largeMessages = LargeMessages(threads: 0)
  let forms = FormCensus()
  let readiness = Readiness()
  let reloads = Reloads()
  /// Seconds since 1970.
  let now: @Sendable () -> Double
}

/// Whether the server wants traffic. Any thread.
final class Readiness: Sendable {
  private let draining = Atomic(false)

  var isDraining: Bool { draining.load(ordering: .relaxed) }

  /// From now on it does not.
  func drain() { draining.store(true, ordering: .relaxed) }
}
