import NIOCore

/// A connection's way to its socket, plain or through TLS. Confined to its worker's loop.
protocol Transport: AnyObject {
  /// Takes what comes in; another takes its place when the protocol changes. `nil` once the socket is closed.
  var connection: Connection? { get set }
  /// Whom it counts for: who connected, or behind a trusted proxy who sent the last request.
  var client: ClientAddress { get set }

  /// Queues `bytes`; they leave with the next flush.
  func write(_ bytes: ByteBuffer)
  /// Queues `bytes` if with them no more than `limit` bytes are unsent; returns whether it did. Required, so that each
  /// transport has it as code of its own: a delivery is one call.
  func write(_ bytes: ByteBuffer, within limit: Int) -> Bool
  /// What was written is offered to the socket by the end of the loop's current turn.
  func flush()
  /// What was written is offered to the socket before this returns; what comes of it is told in a later turn.
  func flushNow()
  /// Bytes written that the kernel has not taken.
  var unsentBytes: Int { get }
  /// Whether ``unsentBytes`` is below the high mark; the connection is told when it is so again.
  var isWritable: Bool { get }

  func pauseReading()
  func resumeReading()

  /// The peer sees the end of the stream after what was written; nothing may be written after this.
  func finishOutput()
  /// Offers what was written to the socket, closes it, and tells the connection, before this returns. Once closed,
  /// nothing here has an effect any more.
  func close()
}

extension Transport {
  func write(_ bytes: ByteBuffer, within limit: Int) -> Bool {
    guard unsentBytes + bytes.readableBytes <= limit else { return false }
    write(bytes)
    return true
  }
}

/// Bytes a transport may have unsent before it says that it is not writable, and how few it must have to be so again.
enum WaterMark {
  static let high = 64 * 1024
  static let low = 32 * 1024
}
