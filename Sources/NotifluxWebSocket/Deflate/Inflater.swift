import CZlib
import NIOCore

/// Inflates whole messages of a peer that takes no context over (RFC 7692 §7.2.2). Confined to whoever holds it.
final class Inflater {
  /// What the sender has cut off.
  private static let tail: [UInt8] = [0x00, 0x00, 0xFF, 0xFF]
  // zlib keeps its address.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  /// `nil` where there is no memory for it: some 40 KB.
  init?() {
    stream.initialize(to: z_stream())
    guard notiflux_inflate_open(stream) == Z_OK else { return nil }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  /// The message whose deflated bytes are `payload`. Never holds more than twice `limit` bytes of it; throws once there
  /// are more than `limit`, and for what is not deflated data.
  func inflate(_ payload: ByteBuffer, limit: Int) throws(WebSocketFailure) -> ByteBuffer {
    defer { inflateReset(stream) }
    var message = ByteBuffer()
    try payload.withUnsafeReadableBytes { bytes in
      Result { () throws(WebSocketFailure) in try take(bytes, limit: limit, into: &message) }
    }.get()
    try Self.tail.withUnsafeBytes { bytes in
      Result { () throws(WebSocketFailure) in try take(bytes, limit: limit, into: &message) }
    }.get()
    // Between two blocks (inflate's documentation in <zlib.h>): the message did not end within one.
    guard stream.pointee.data_type & 128 != 0 else { throw .invalidDeflatedData }
    return message
  }

  private func take(
    _ bytes: UnsafeRawBufferPointer, limit: Int, into message: inout ByteBuffer
  ) throws(WebSocketFailure) {
    stream.pointee.next_in = UnsafeMutablePointer(mutating: bytes.assumingMemoryBound(to: Bytef.self).baseAddress)
    stream.pointee.avail_in = uInt(bytes.count)
    while true {
      // One byte beyond the limit shows that there is more; text often shrinks to a quarter.
      let room = min(limit + 1 - message.readableBytes, max(4 * bytes.count, message.readableBytes, 256))
      var result = Z_OK
      let written = message.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
        stream.pointee.next_out = space.assumingMemoryBound(to: Bytef.self).baseAddress
        stream.pointee.avail_out = uInt(room)
        result = CZlib.inflate(stream, Z_SYNC_FLUSH)
        return room - Int(stream.pointee.avail_out)
      }
      guard message.readableBytes <= limit else { throw .tooLarge(limit: limit) }
      switch result {
      case Z_OK where written == room: continue
      case Z_OK, Z_BUF_ERROR:  // The latter where there was nothing to do.
        return
      case Z_STREAM_END:
        // A final block may stand inside a message (RFC 7692 §7.2.3.4); another one follows, if only the tail's.
        inflateReset(stream)
        if stream.pointee.avail_in == 0 { return }
      default: throw .invalidDeflatedData
      }
    }
  }

  static let pool = Pool { Inflater() }
}
