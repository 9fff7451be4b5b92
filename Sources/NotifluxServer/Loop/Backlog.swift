import Glibc
import NIOCore

/// Output a socket did not take, in order. Holds slices: a message that many sockets wait for is in memory once.
final class Backlog {
  /// Pieces offered to the kernel at once.
  private static let piecesPerCall = 64

  private var pieces: ContiguousArray<ByteBuffer>
  /// `pieces[first...]` are unsent.
  private var first = 0

  private(set) var byteCount: Int

  init(_ bytes: ByteBuffer) {
    pieces = [bytes]
    byteCount = bytes.readableBytes
  }

  var isEmpty: Bool { first == pieces.count }

  func append(_ bytes: ByteBuffer) {
    pieces.append(bytes)
    byteCount += bytes.readableBytes
  }

  /// One call of sendmsg(2), with `limit` bytes at the most: how many it took, or a negated error number.
  func send(to descriptor: Int32, upTo limit: Int) -> Int {
    var vectors: ContiguousArray<iovec> = []
    var room = limit
    for piece in pieces[first...].prefix(Self.piecesPerCall) where room > 0 {
      // The pointer outlives the closure: `pieces` keeps the storage, and nobody writes to it.
      piece.withUnsafeReadableBytes {
        let length = min($0.count, room)
        vectors.append(iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: length))
        room -= length
      }
    }
    let sent = vectors.withUnsafeMutableBufferPointer { vectors in
      var message = msghdr()
      message.msg_iov = vectors.baseAddress
      message.msg_iovlen = vectors.count
      let flags = Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
      while true {
        let sent = sendmsg(descriptor, &message, flags)
        if sent >= 0 { return sent }
        if errno != EINTR { return -Int(errno) }
      }
    }
    if sent > 0 { drop(sent) }
    return sent
  }

  /// Takes the next bytes out, `limit` at the most; fewer where a piece ends. None if there are none.
  func removeFirst(upTo limit: Int) -> ByteBuffer {
    guard var bytes = pieces[first...].first else { return ByteBuffer() }
    let count = min(bytes.readableBytes, limit)
    drop(count)
    return bytes.readSlice(length: count) ?? ByteBuffer()
  }

  private func drop(_ count: Int) {
    byteCount -= count
    var left = count
    while left > 0 {
      let length = pieces[first].readableBytes
      if left < length { return pieces[first].moveReaderIndex(forwardBy: left) }
      left -= length
      pieces[first] = ByteBuffer()
      first += 1
    }
    // Moving what is left is paid for by what was sent.
    if first > 64, first * 2 > pieces.count {
      pieces.removeSubrange(..<first)
      first = 0
    }
  }
}
