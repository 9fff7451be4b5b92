@testable import NotifluxServer

/// Writes down what its transport tells it. Confined to the transport's loop.
final class ConnectionRecorder: Connection {
  var input: [UInt8] = []
  var events: [String] = []
  var onReceived: (ConnectionRecorder) -> Void = { _ in }

  override func received(_ bytes: UnsafeRawBufferPointer) {
    input += bytes
    onReceived(self)
  }

  override func inputEnded() {
    events.append("ended")
    super.inputEnded()
  }

  override func becameWritable() { events.append("writable") }
  override func disconnected() { events.append("disconnected") }
}
