import NIOCore
import NotifluxProtocol

/// Makes whole frames. A server's are unmasked, so one frame's bytes serve every subscriber; a client masks each
/// with a fresh key (RFC 6455 §5.3).
package enum FrameEncoder {
  /// A server's text frame of `payload`, which must be UTF-8.
  package static func text(_ payload: some Collection<UInt8>, allocator: ByteBufferAllocator) -> ByteBuffer {
    frame(.text, payload: payload, mask: nil, allocator: allocator)
  }

  package static func ping(role: FrameDecoder.Role, payload: ByteBuffer = ByteBuffer()) -> ByteBuffer {
    control(.ping, role: role, payload: payload)
  }

  package static func pong(role: FrameDecoder.Role, payload: ByteBuffer) -> ByteBuffer {
    control(.pong, role: role, payload: payload)
  }

  /// `reason` is cut, at a scalar's end, to the 123 bytes there is room for (RFC 6455 §5.5).
  package static func close(role: FrameDecoder.Role, code: CloseCode?, reason: String = "") -> ByteBuffer {
    var payload = ByteBuffer()
    if let code {
      payload.writeInteger(code.rawValue)
      var room = 123
      for scalar in reason.unicodeScalars {
        let encoded = UTF8.encode(scalar).map(Array.init) ?? []
        guard encoded.count <= room else { break }
        payload.writeBytes(encoded)
        room -= encoded.count
      }
    }
    return control(.close, role: role, payload: payload)
  }

  /// A client's text frame.
  package static func maskedText(_ payload: some Collection<UInt8>, allocator: ByteBufferAllocator) -> ByteBuffer {
    frame(.text, payload: payload, mask: .random(), allocator: allocator)
  }

  private static func control(_ opcode: Opcode, role: FrameDecoder.Role, payload: ByteBuffer) -> ByteBuffer {
    frame(
      opcode, payload: payload.readableBytesView, mask: role == .client ? .random() : nil,
      allocator: ByteBufferAllocator())
  }

  static func frame(
    _ opcode: Opcode, isFinal: Bool = true, payload: some Collection<UInt8>, mask: MaskKey?,
    allocator: ByteBufferAllocator
  ) -> ByteBuffer {
    let header = FrameHeader(isFinal: isFinal, opcode: opcode, payloadLength: payload.count, mask: mask)
    var frame = allocator.buffer(capacity: FrameHeader.size(forLength: payload.count) + 4 + payload.count)
    header.write(to: &frame)
    let start = frame.writerIndex
    frame.writeBytes(payload)
    if let mask {
      frame.withUnsafeMutableReadableBytes { bytes in
        mask.apply(to: UnsafeMutableRawBufferPointer(rebasing: bytes[start...]), offset: 0)
      }
    }
    return frame
  }
}
