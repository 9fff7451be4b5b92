import NIOCore
import NotifluxProtocol

/// A connection that is one too many: it is told so, and closed. Over TLS it would not get so far: a handshake costs
/// more than the connection is worth.
final class CrowdedConnection: Connection {
  private let isForAddress: Bool

  /// `isForAddress`: it is one too many of its address, not of all.
  init(worker: Worker, isForAddress: Bool) {
    self.isForAddress = isForAddress
    super.init(worker: worker)
  }

  override func uncount(_ client: ClientAddress) { worker.services.connections.leaveCrowd() }

  override func connected() {
    guard let transport else { return }
    let connections = worker.services.connections
    let message = isForAddress ? connections.addressFull : connections.serverFull
    transport.write(HTTPFailure(.rateLimited, message, closes: true).completeAnswer(date: worker.date))
    // The client's request is on its way: closing under it would reset the connection and lose the answer.
    transport.finishOutput()
    worker.schedule(self, at: worker.now + 1)
  }

  override func timeOut(now: Int) { transport?.close() }
}
