import NIOCore
import NotifluxProtocol

/// Makes whole frames. A server's are unmasked, so one frame's bytes serve every subscriber; a client masks each
/// with a fresh key (RFC 6455 §5.3).
package enum FrameEncoder {
  /// A server's text frame.
  package static func text(_ text: String) -> ByteBuffer {
    var text = text
    return text.withUTF8 { frame(.text, payload: UnsafeRawBufferPointer($0), mask: nil) }
  }

  /// A server's text frame of `payload`, which must be UTF-8.
  package static func text(_ payload: [UInt8]) -> ByteBuffer {
    payload.withUnsafeBytes { frame(.text, payload: $0, mask: nil) }
  }

  /// A server's text frame of `payload`, which must be UTF-8.
  package static func text(_ payload: ByteBuffer) -> ByteBuffer { frame(.text, payload: payload, mask: nil) }

  package static func binary(_ payload: ByteBuffer) -> ByteBuffer { frame(.binary, payload: payload, mask: nil) }

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
    return frame(header.opcode, isDeflated: true, payload: payload, mask: nil)
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

  /// A client's text frame that is a whole message.
  package static func maskedText(_ text: String) -> ByteBuffer {
    var text = text
    return text.withUTF8 { frame(.text, payload: UnsafeRawBufferPointer($0), mask: .random()) }
  }

  /// A client's frame that is a whole message.
  package static func masked(_ opcode: Opcode, _ payload: ByteBuffer) -> ByteBuffer {
    frame(opcode, payload: payload, mask: .random())
  }

  private static func control(_ opcode: Opcode, role: FrameDecoder.Role, payload: ByteBuffer) -> ByteBuffer {
    frame(opcode, payload: payload, mask: role == .client ? .random() : nil)
  }

  static func frame(
    _ opcode: Opcode, isFinal: Bool = true, isDeflated: Bool = false, payload: ByteBuffer, mask: MaskKey?
  ) -> ByteBuffer {
    payload.withUnsafeReadableBytes {
      frame(opcode, isFinal: isFinal, isDeflated: isDeflated, payload: $0, mask: mask)
    }
  }

  private static let allocator = ByteBufferAllocator()

  private static func frame(
    _ opcode: Opcode, isFinal: Bool = true, isDeflated: Bool = false, payload: UnsafeRawBufferPointer, mask: MaskKey?
  ) -> ByteBuffer {
    let header = FrameHeader(
      isFinal: isFinal, isDeflated: isDeflated, opcode: opcode, payloadLength: payload.count, mask: mask)
    let size = header.size + payload.count
    var frame = allocator.buffer(capacity: size)
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: size) { bytes in
      header.write(to: bytes)
      let room = UnsafeMutableRawBufferPointer(rebasing: bytes[header.size..<size])
      room.copyMemory(from: payload)
      mask?.apply(to: room, offset: 0)
      return size
    }
    return frame
  }
}
