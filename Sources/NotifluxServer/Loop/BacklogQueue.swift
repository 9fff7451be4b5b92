/// What waits in a ``BacklogQueue``.
protocol BacklogSender: AnyObject {
  /// Offers its socket what it has waiting, up to `limit` bytes and somewhat more; returns how many the socket took. Who
  /// could send on comes back to the queue.
  func sendBacklog(upTo limit: Int) -> Int
}

/// How much of what waits is sent at a time.
enum BacklogShare {
  /// Bytes of one turn of the loop, all sockets together: the kernel takes some 0.1 ms for them.
  static let turn = 256 * 1024
  /// Bytes of one socket, before the next one has its turn.
  static let socket = 128 * 1024
}

/// Sockets whose kernel may take more of their backlog, served in turn, so many bytes in a turn of the loop: large
/// messages to many readers take as long as they must, and everyone else's small ones go between.
final class BacklogQueue<Sender: BacklogSender> {
  /// What a call costs beside its bytes, in bytes.
  private static var callCost: Int { 8 * 1024 }

  private var waiting = Ring<Sender>()

  var isEmpty: Bool { waiting.isEmpty }

  /// A socket is in here once at the most: it sees to that.
  func append(_ socket: Sender) { waiting.append(socket) }

  /// Sends what is due in this turn.
  func send() {
    var room = BacklogShare.turn
    while room > 0, let socket = waiting.removeFirst() {
      room -= Self.callCost + socket.sendBacklog(upTo: min(room, BacklogShare.socket))
    }
  }

  func removeAll() { waiting = Ring() }
}

@available(*, unavailable)
extension BacklogQueue: Sendable {}
