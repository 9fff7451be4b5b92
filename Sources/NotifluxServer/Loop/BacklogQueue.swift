/// Sockets whose kernel may take more of their backlog, served in turn, so many bytes in a turn of the loop: large
/// messages to many readers take as long as they must, and everyone else's small ones go between.
final class BacklogQueue {
  /// Bytes of one turn, all sockets together: the kernel takes some 0.1 ms for them.
  static let bytesPerTurn = 256 * 1024
  /// Bytes of one socket, before the next one has its turn.
  static let bytesPerSocket = 128 * 1024
  /// What a call costs beside its bytes, in bytes.
  private static let callCost = 8 * 1024

  private var waiting = Ring<SocketTransport>()

  var isEmpty: Bool { waiting.isEmpty }

  /// A socket is in here once at the most: it sees to that.
  func append(_ socket: SocketTransport) { waiting.append(socket) }

  /// Sends what is due in this turn. A socket that could send on comes back to the end of the queue.
  func send() {
    var room = Self.bytesPerTurn
    while room > 0, let socket = waiting.removeFirst() {
      room -= Self.callCost + socket.sendBacklog(upTo: min(room, Self.bytesPerSocket))
    }
  }

  func removeAll() { waiting = Ring() }
}

@available(*, unavailable)
extension BacklogQueue: Sendable {}
