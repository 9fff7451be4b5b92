import NIOCore

/// A deflate block of bytes as they are (RFC 1951 §3.2.4), begun and ended where a byte begins.
enum StoredBlock {
  /// The bits of the block's type, filled up to a byte, and twice the length.
  static let headerLength = 5

  /// `bytes` are 65,535 at the most.
  static func write(_ bytes: [UInt8], to output: inout ByteBuffer) {
    let length = UInt16(bytes.count)
    output.writeInteger(UInt8(0))
    output.writeInteger(length, endianness: .little)
    output.writeInteger(~length, endianness: .little)
    output.writeBytes(bytes)
  }
}
