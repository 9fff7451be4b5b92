import Logging
import NIOCore
import NotifluxProtocol

/// A connection as its worker sees it: something with a time-out that can be told to go.
class Connection: TimerWheelEntry {
  var timerPlace: TimerPlace?

  /// The deadline it was scheduled for has come.
  func timeOut(now: Int) {}

  /// The server is going away: finish, and have the client come back after `milliseconds`.
  func drain(reconnectIn milliseconds: Int) {}
}

/// Everything one event loop owns: its part of the hub, its connections and their time-outs. Confined to the loop.
final class Worker {
  let configuration: ServerConfiguration
  let services: Services
  let loop: any EventLoop
  let hub: LoopHub<SubscriberConnection>
  private(set) var isDraining = false
  private var wheel = TimerWheel<Connection>()
  private var ticking: RepeatedTask?
  private var dateText = HTTPDate.text(secondsSince1970: 0)

  init(
    configuration: ServerConfiguration, services: Services, hub: LoopHub<SubscriberConnection>, loop: any EventLoop
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

  func startTicking() {
    let bound = NIOLoopBound(self, eventLoop: loop)
    ticking = loop.scheduleRepeatedTask(initialDelay: configuration.tick, delay: configuration.tick) { _ in
      bound.value.tick()
    }
  }

  func stopTicking() { ticking?.cancel() }

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

  /// Once a second.
  func tick() {
    dateText = HTTPDate.text(secondsSince1970: Int(services.now()))
    services.hub.expire()
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
