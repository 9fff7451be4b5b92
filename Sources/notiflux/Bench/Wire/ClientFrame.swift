import NIOCore
import NotifluxProtocol

/// Frames of a client, masked with a fresh key each (RFC 6455 §5.3). They are rare here: what a subscriber says.
enum ClientFrame {
  static func text(_ payload: some Collection<UInt8>) -> ByteBuffer { frame(0x81, payload) }
  static func pong(_ payload: UnsafeRawBufferPointer) -> ByteBuffer { frame(0x8A, payload) }
  static func close(_ code: CloseCode) -> ByteBuffer {
    frame(0x88, [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)])
  }

  private static func frame(_ first: UInt8, _ payload: some Collection<UInt8>) -> ByteBuffer {
    var frame = ByteBuffer()
    frame.reserveCapacity(payload.count + 14)
    frame.writeInteger(first)
    switch payload.count {
    case ...125: frame.writeInteger(0x80 | UInt8(payload.count))
    case ...0xFFFF:
      frame.writeInteger(UInt8(0x80 | 126))
      frame.writeInteger(UInt16(payload.count))
    default:
      frame.writeInteger(UInt8(0x80 | 127))
      frame.writeInteger(UInt64(payload.count))
    }
    let key = UInt32.random(in: 0 ... .max)
    frame.writeInteger(key)
    for (index, byte) in payload.enumerated() {
      frame.writeInteger(byte ^ UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(index & 3))))
    }
    return frame
  }
}
