import CLinux
import NIOCore

/// What the sockets of a loop wrote in a turn: one piece a socket, offered to the kernel together at the turn's end, by
/// one submission to io_uring where the kernel grants it, by one send(2) a socket elsewhere.
final class Outbox {
  /// A socket's piece is no longer than this, and what it writes besides is joined to it: one copy is cheaper than one
  /// call. What is longer is for the ``BacklogQueue``.
  static let pieceLimit = 64 * 1024
  /// Below this many pieces a submission costs more than it saves, where it finds the caches cold.
  private static let ringThreshold = 8
  private static let ringEntries = 256

  /// All that sending it takes: the sockets are not touched once more for it, which lie apart in memory.
  private struct Piece {
    /// `nil` once it was taken back. Unretained: a socket that is closed takes its piece back.
    var socket: Unmanaged<SocketTransport>?
    let descriptor: Int32
    /// Whether the socket wants to be told that it was sent.
    var isAwaited = false
    var bytes: ByteBuffer
  }

  private var pieces: ContiguousArray<Piece> = []
  private var ring: SendRing?
  /// Bytes the kernel has taken from the loop's sockets, by whatever call.
  var sentBytes = 0
  /// Which way output goes, for people: `io_uring`, or `send` and why.
  private(set) var method = "send"

  /// To be called on the thread that sends, before anything was written.
  func openRing() {
    switch SendRing.make(entries: Self.ringEntries) {
    case .success(let ring):
      self.ring = ring
      method = "io_uring"
    case .failure(let why):
      method = "send (\(why))"
    }
  }

  /// Returns what the socket has here with it; nil if there was no room: then `bytes` are too long, or it has a piece
  /// here that must be offered first.
  func add(_ bytes: ByteBuffer, of socket: SocketTransport) -> Int? {
    guard let place = place(of: socket) else {
      guard bytes.readableBytes <= Self.pieceLimit else { return nil }
      socket.outboxPlace = Int32(truncatingIfNeeded: pieces.count)
      pieces.append(
        Piece(socket: Unmanaged.passUnretained(socket), descriptor: socket.descriptor, bytes: bytes))
      return bytes.readableBytes
    }
    guard pieces[place].bytes.readableBytes + bytes.readableBytes <= Self.pieceLimit else { return nil }
    pieces[place].bytes.writeImmutableBuffer(bytes)
    return pieces[place].bytes.readableBytes
  }

  /// The place a socket remembers is one of this turn only if it is there that it is found.
  private func place(of socket: SocketTransport) -> Int? {
    let place = Int(socket.outboxPlace)
    guard place < pieces.count, pieces[place].socket?.toOpaque() == Unmanaged.passUnretained(socket).toOpaque() else {
      return nil
    }
    return place
  }

  func holdsOutput(of socket: SocketTransport) -> Bool { place(of: socket) != nil }

  /// What waits here of `socket`.
  func byteCount(of socket: SocketTransport) -> Int { place(of: socket).map { pieces[$0].bytes.readableBytes } ?? 0 }

  /// The socket is told when what it has here was offered to the kernel. Where that does not take all, it is anyway.
  func await(by socket: SocketTransport) {
    if let place = place(of: socket) { pieces[place].isAwaited = true }
  }

  /// Gives back what is not sent of `socket`; `nil` if there is nothing.
  func takeBack(from socket: SocketTransport) -> ByteBuffer? {
    guard let place = place(of: socket) else { return nil }
    pieces[place].socket = nil
    var bytes = ByteBuffer()
    swap(&bytes, &pieces[place].bytes)
    return bytes
  }

  /// Offers everything to the kernel. Nobody is told before all of it was offered, so that nobody writes meanwhile.
  func send() {
    while !pieces.isEmpty {
      var offered: ContiguousArray<Piece> = []
      swap(&offered, &pieces)
      // By reference: a copy of each piece would count references to its bytes.
      offered.withUnsafeMutableBufferPointer { offered in
        offer(offered)
        for index in offered.indices where offered[index].isAwaited { tell(offered[index].socket) }
      }
      guard pieces.isEmpty else { continue }
      offered.clear()
      swap(&offered, &pieces)
    }
  }

  /// A socket that was closed meanwhile is kept by its loop until the turn is over.
  private func tell(_ socket: Unmanaged<SocketTransport>?) {
    socket?._withUnsafeGuaranteedRef { if $0.isInterested { $0.outputLeft() } }
  }

  private func offer(_ offered: UnsafeMutableBufferPointer<Piece>) {
    let ring = offered.count >= Self.ringThreshold ? ring : nil
    // Last in, first out: publishers are answered after their messages were written, and need not wait for those to be
    // sent. It also has the machine of a local reader awake before the rest arrives.
    for index in offered.indices.reversed() {
      guard offered[index].socket != nil else { continue }
      // The pointer outlives the closure: `offered` keeps the storage, and nobody writes to it.
      let bytes = offered[index].bytes.withUnsafeReadableBytes { $0 }
      if let ring {
        ring.add(descriptor: offered[index].descriptor, bytes: bytes, tag: index)
      } else {
        taken(notiflux_send(offered[index].descriptor, bytes.baseAddress, bytes.count), of: &offered[index])
      }
    }
    ring?.submit { index, result in taken(result, of: &offered[index]) }
  }

  private func taken(_ result: Int32, of piece: inout Piece) {
    sentBytes += Int(max(result, 0))
    guard result != piece.bytes.readableBytes else { return }
    piece.isAwaited = true
    piece.socket?._withUnsafeGuaranteedRef { $0.took(result, of: piece.bytes) }
  }
}

@available(*, unavailable)
extension Outbox: Sendable {}
