import Logging
import NotifluxJWT

/// One client's connection, whatever it speaks: takes what its transport and the clock bring. Confined to its worker's
/// loop.
class Connection: TimerWheelEntry, CheckPayer {
  let worker: Worker
  /// `nil` before it has one, once the client is gone, and once another connection has taken it over.
  private(set) var transport: (any Transport)?
  var timerPlace: TimerPlace?
  /// What the client owes for bad tokens.
  final var failedChecks = RateBucket()
  /// Among the connections of its loop; stays the same when another connection takes the transport over.
  private(set) final var number: UInt32 = 0

  init(worker: Worker) { self.worker = worker }

  /// Takes a transport over, from its last connection if it had one.
  final func takeOver(_ transport: any Transport) {
    if let last = transport.connection {
      last.transport = nil
      last.worker.remove(last)
      failedChecks = last.failedChecks
      number = last.number
    } else {
      number = worker.nextConnectionNumber()
    }
    transport.connection = self
    self.transport = transport
    connected()
  }

  /// The transport has closed: the last thing it says.
  final func transportClosed() {
    guard let transport else { return }
    self.transport = nil
    worker.remove(self)
    uncount(transport.client)
    disconnected()
  }

  final var client: ClientAddress { transport?.client ?? .unknown }

  /// Says in the log which connection it is, and whose.
  var logData: Logger.Metadata {
    [LogKey.connection: "\(worker.index)-\(number)", LogKey.client: "\(client)"]
  }

  /// Takes it out of the ``ConnectionCount``, once.
  func uncount(_ client: ClientAddress) { worker.services.connections.leave(client) }

  /// It has its transport, and may say the first word.
  func connected() {}

  /// `bytes` came in; they are valid during the call only.
  func received(_ bytes: UnsafeRawBufferPointer) {}

  /// The peer sends nothing more.
  func inputEnded() { transport?.close() }

  /// The transport is writable again.
  func becameWritable() {}

  /// The connection is gone: called once, unless another has taken the transport over.
  func disconnected() {}

  /// The deadline it was scheduled for has come.
  func timeOut(now: Int) {}

  /// These are the revocations from now on: finish if it goes on by what they revoke.
  func revoke(by revocations: RevocationList) {}

  /// The server is going away: finish, and have the client come back after `milliseconds`.
  func drain(reconnectIn milliseconds: Int) {}
}

@available(*, unavailable)
extension Connection: Sendable {}
