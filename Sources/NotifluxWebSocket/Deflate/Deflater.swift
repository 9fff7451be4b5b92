import CZlib
import NIOCore

/// Deflates the payloads of a server's frames (RFC 7692 §7.2.1), each by itself. Confined to whoever holds it.
final class Deflater {
  /// Of zlib's 1 to 9; its usual 6 takes twice the time to save a seventh (docs/decisions/0016).
  private static let level: Int32 = 3
  /// What a flush ends with, and the receiver adds again.
  static let tail: [UInt8] = [0, 0, 0xFF, 0xFF]
  private static let tailLength = 4
  // zlib keeps its address.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  /// `nil` where there is no memory for it: some 300 KB.
  init?(window: DeflateWindow) {
    stream.initialize(to: z_stream())
    guard notiflux_deflate_open(stream, Self.level, window.rawValue) == Z_OK else { return nil }
  }

  deinit {
    deflateEnd(stream)
    stream.deallocate()
  }

  /// Appends `payload` deflated to `output`; false, and `output` as it was, unless that makes it smaller.
  func deflate(_ payload: UnsafeRawBufferPointer, onto output: inout ByteBuffer) -> Bool {
    let room = payload.count + Self.tailLength - 1
    let start = output.writerIndex
    let made = output.writeWithUnsafeMutableBytes(minimumWritableBytes: room) { space in
      stream.pointee.next_in = UnsafeMutablePointer(mutating: payload.assumingMemoryBound(to: Bytef.self).baseAddress)
      stream.pointee.avail_in = uInt(payload.count)
      stream.pointee.next_out = space.assumingMemoryBound(to: Bytef.self).baseAddress
      stream.pointee.avail_out = uInt(room)
      let result = CZlib.deflate(stream, Z_SYNC_FLUSH)
      // With no room left there may be more to come.
      return result == Z_OK && stream.pointee.avail_out > 0 ? room - Int(stream.pointee.avail_out) : 0
    }
    deflateReset(stream)
    let isSmaller = made > Self.tailLength
    output.moveWriterIndex(to: isSmaller ? output.writerIndex - Self.tailLength : start)
    return isSmaller
  }

  private static let full = Pool { Deflater(window: .full) }
  private static let small = Pool { Deflater(window: .small) }

  static func pool(_ window: DeflateWindow) -> Pool<Deflater> {
    switch window {
    case .full: full
    case .small: small
    }
  }
}
