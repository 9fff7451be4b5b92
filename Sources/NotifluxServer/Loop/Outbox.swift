import CLinux
import NIOCore

/// What the sockets of a loop wrote in a turn: one piece a socket, offered to the kernel together at the turn's end, by
/// one submission to io_uring where the kernel grants it, by one send(2) a socket elsewhere.
final class Outbox {
  /// A socket's second piece is joined to its first while both are smaller than this: one copy is cheaper than one call.
  private static let joinLimit = 64 * 1024
  /// Below this many pieces a submission costs more than it saves.
  private static let ringThreshold = 4
  private static let ringEntries = 256

  private struct Piece {
    /// `nil` once it was taken back. Unretained: a socket that is closed takes its piece back.
    var socket: Unmanaged<SocketTransport>?
    var bytes: ByteBuffer
  }

  private var pieces: ContiguousArray<Piece> = []
  private var ring: SendRing?
  /// Which way output goes, for people: `io_uring`, or `send` and why.
  let method: String

  /// On the thread that will send.
  init(allowsRing: Bool) {
    guard allowsRing else {
      method = "send"
      return
    }
    switch SendRing.make(entries: Self.ringEntries) {
    case .success(let ring):
      self.ring = ring
      method = "io_uring"
    case .failure(let why):
      method = "send (io_uring: \(why))"
    }
  }

  /// Returns whether there was room; where there is none, the socket has a piece here that must be offered first.
  func add(_ bytes: ByteBuffer, of socket: SocketTransport) -> Bool {
    guard socket.outboxPlace >= 0 else {
      socket.outboxPlace = Int32(pieces.count)
      pieces.append(Piece(socket: Unmanaged.passUnretained(socket), bytes: bytes))
      return true
    }
    let place = Int(socket.outboxPlace)
    guard pieces[place].bytes.readableBytes + bytes.readableBytes <= Self.joinLimit else { return false }
    pieces[place].bytes.writeImmutableBuffer(bytes)
    return true
  }

  /// What waits here of `socket`.
  func byteCount(of socket: SocketTransport) -> Int {
    socket.outboxPlace >= 0 ? pieces[Int(socket.outboxPlace)].bytes.readableBytes : 0
  }

  /// Gives back what is not sent of `socket`.
  func takeBack(from socket: SocketTransport) -> ByteBuffer {
    let place = Int(socket.outboxPlace)
    socket.outboxPlace = -1
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
      for piece in offered { piece.socket?._withUnsafeGuaranteedRef { $0.outboxPlace = -1 } }
      let dead = offer(offered)
      for index in dead { offered[index].socket?.takeUnretainedValue().close() }
      // A socket that was closed meanwhile is kept by its loop until the turn is over.
      for piece in offered { piece.socket?._withUnsafeGuaranteedRef { $0.outputLeft() } }
      if pieces.isEmpty {
        offered.removeAll(keepingCapacity: true)
        swap(&offered, &pieces)
      }
    }
  }

  /// Returns which sockets were found dead.
  private func offer(_ offered: ContiguousArray<Piece>) -> [Int] {
    var dead: [Int] = []
    func note(_ index: Int, _ result: Int32) {
      guard let socket = offered[index].socket else { return }
      if !socket._withUnsafeGuaranteedRef({ $0.took(result, of: offered[index].bytes) }) { dead.append(index) }
    }
    if let ring, offered.count >= Self.ringThreshold {
      for (index, piece) in offered.enumerated() {
        guard let socket = piece.socket else { continue }
        let descriptor = socket._withUnsafeGuaranteedRef { $0.descriptor }
        // The pointer outlives the closure: `offered` keeps the storage, and nobody writes to it.
        piece.bytes.withUnsafeReadableBytes { ring.add(descriptor: descriptor, bytes: $0, tag: index) }
      }
      ring.submit { note($0, $1) }
    } else {
      for (index, piece) in offered.enumerated() {
        guard let socket = piece.socket else { continue }
        let descriptor = socket._withUnsafeGuaranteedRef { $0.descriptor }
        note(index, piece.bytes.withUnsafeReadableBytes { notiflux_send(descriptor, $0.baseAddress, $0.count) })
      }
    }
    return dead
  }
}
