import NIOCore
import NotifluxProtocol

/// A connection that is one too many: it is told so, and closed. Over TLS it would not get so far: a handshake costs
/// more than the connection is worth.
final class CrowdedConnection: Connection {
  override var isCounted: Bool { false }

  override func connected() {
    guard let transport else { return }
    let limit = worker.services.connections.limit
    let message = "the server holds \(limit) connections, the most allowed; try again in a second"
    transport.write(HTTPFailure(.rateLimited, message, closes: true).completeAnswer(date: worker.date))
    // The client's request is on its way: closing under it would reset the connection and lose the answer.
    transport.finishOutput()
    worker.schedule(self, at: worker.now + 1)
  }

  override func timeOut(now: Int) { transport?.close() }
}
