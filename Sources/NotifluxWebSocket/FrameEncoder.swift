import NIOCore
import NotifluxProtocol

/// Makes whole frames. A server's are unmasked, so one frame's bytes serve every subscriber; a client masks each
/// with a fresh key (RFC 6455 §5.3).
package enum FrameEncoder {
  /// A server's text frame of `payload`, which must be UTF-8.
  package static func text(_ payload: some Collection<UInt8>, allocator: ByteBufferAllocator) -> ByteBuffer {
    frame(.text, payload: payload, mask: nil, allocator: allocator)
  }

  package static func binary(_ payload: some Collection<UInt8>, allocator: ByteBufferAllocator) -> ByteBuffer {
    frame(.binary, payload: payload, mask: nil, allocator: allocator)
  }

  /// The same message as a server's whole, unmasked data frame `plain`, deflated (RFC 7692 §7.2.1) so that nothing
  /// before it is needed to inflate it; `plain` itself where that would not be smaller.
  package static func deflated(_ plain: ByteBuffer, window: DeflateWindow) -> ByteBuffer {
    var rest = plain
    guard let header = try? FrameHeader.read(from: &rest, allowingDeflated: false),
      rest.readableBytes >= deflateThreshold
    else { return plain }
    // The header's size is known when the payload's is.
    var payload = ByteBufferAllocator().buffer(capacity: rest.readableBytes)
    let isSmaller = Deflater.pool(window).withOne { deflater in
      rest.withUnsafeReadableBytes { deflater.deflate($0, onto: &payload) }
    }
    guard isSmaller == true else { return plain }
    return frame(
      header.opcode, isDeflated: true, payload: payload.readableBytesView, mask: nil, allocator: ByteBufferAllocator())
  }

  /// Bytes of a payload below which deflating gains less than what a packet costs anyway.
  private static let deflateThreshold = 64

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

  /// A client's frame that is a whole message.
  package static func masked(
    _ opcode: Opcode, _ payload: some Collection<UInt8>, allocator: ByteBufferAllocator
  ) -> ByteBuffer {
    frame(opcode, payload: payload, mask: .random(), allocator: allocator)
  }

  private static func control(_ opcode: Opcode, role: FrameDecoder.Role, payload: ByteBuffer) -> ByteBuffer {
    frame(
      opcode, payload: payload.readableBytesView, mask: role == .client ? .random() : nil,
      allocator: ByteBufferAllocator())
  }

  static func frame(
    _ opcode: Opcode, isFinal: Bool = true, isDeflated: Bool = false, payload: some Collection<UInt8>, mask: MaskKey?,
    allocator: ByteBufferAllocator
  ) -> ByteBuffer {
    let header = FrameHeader(
      isFinal: isFinal, isDeflated: isDeflated, opcode: opcode, payloadLength: payload.count, mask: mask)
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
