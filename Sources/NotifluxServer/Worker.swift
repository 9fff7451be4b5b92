import Logging
import NotifluxProtocol

/// Everything one event loop owns: its part of the hub, its connections and their time-outs. Confined to the loop.
final class Worker {
  let configuration: ServerConfiguration
  let services: Services
  let loop: any WorkerLoop
  let hub: LoopHub<SubscriberConnection>
  private(set) var isDraining = false
  private var wheel = TimerWheel<Connection>()
  private var dateText = HTTPDate.text(secondsSince1970: 0)

  init(
    configuration: ServerConfiguration, services: Services, hub: LoopHub<SubscriberConnection>, loop: any WorkerLoop
  ) {
    self.configuration = configuration
    self.services = services
    self.hub = hub
    self.loop = loop
    dateText = HTTPDate.text(secondsSince1970: Int(services.now()))
  }

  /// Ticks since the worker began.
  var now: Int { wheel.now }
  var connectionCount: Int { wheel.count }
  /// The value of a `Date` field, at most one tick old.
  var date: String { dateText }

  /// (Re)schedules a connection's only time-out.
  func schedule(_ connection: Connection, at deadline: Int) { wheel.schedule(connection, at: deadline) }

  func remove(_ connection: Connection) { wheel.cancel(connection) }

  /// Has each connection leave; the `index`-th of all workers' connections is to come back after its share of the time.
  func drain(schedule: DrainSchedule, firstIndex: Int) {
    isDraining = true
    for (index, connection) in wheel.entries.enumerated() {
      connection.drain(reconnectIn: schedule.milliseconds(forClient: firstIndex + index))
    }
  }

  /// Closes every connection at once.
  func closeAll() {
    isDraining = true
    for connection in wheel.entries { connection.transport?.close() }
  }

  /// Once a second.
  func tick() {
    dateText = HTTPDate.text(secondsSince1970: Int(services.now()))
    services.hub.expire()
    services.authorizer.sweep()
    for connection in wheel.advance() {
      // Due entries have left the wheel; one that is still alive comes back, with its next deadline.
      connection.timeOut(now: wheel.now)
    }
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
  let connections: ConnectionCount
  /// Seconds since 1970.
  let now: @Sendable () -> Double
}
