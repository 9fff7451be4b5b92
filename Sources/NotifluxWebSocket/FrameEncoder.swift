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

  /// A server's text frame of parts that together are UTF-8.
  package static func text(_ head: [UInt8], _ body: [UInt8], _ tail: [UInt8]) -> ByteBuffer {
    var frame = start(.text, isDeflated: false, payloadLength: head.count + body.count + tail.count)
    for part in [head, body, tail] { frame.writeBytes(part) }
    return frame
  }

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

  /// `bytes` deflated for ``deflatedText(_:_:_:)``; `nil` where that would not be smaller.
  package static func deflatedPart(_ bytes: [UInt8], window: DeflateWindow) -> ByteBuffer? {
    var part = ByteBufferAllocator().buffer(capacity: bytes.count)
    let isSmaller = Deflater.pool(window).withOne { deflater in
      bytes.withUnsafeBytes { deflater.deflate($0, onto: &part) }
    }
    guard isSmaller == true else { return nil }
    part.writeBytes(Deflater.tail)
    return part
  }

  /// A server's deflated text frame of parts that together are UTF-8: `head` and `tail`, of up to 65,535 bytes each, as
  /// they are, in stored blocks (RFC 1951 §3.2.4), and a ``deflatedPart(_:window:)``, which refers to nothing but itself.
  package static func deflatedText(_ head: [UInt8], _ body: ByteBuffer, _ tail: [UInt8]) -> ByteBuffer {
    let length = 2 * StoredBlock.headerLength + head.count + body.readableBytes + tail.count + 1
    var frame = start(.text, isDeflated: true, payloadLength: length)
    StoredBlock.write(head, to: &frame)
    frame.writeImmutableBuffer(body)
    StoredBlock.write(tail, to: &frame)
    frame.writeInteger(UInt8(0))  // The rest of an empty stored block is the tail that is never sent (RFC 7692 §7.2.1).
    return frame
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
    var frame = start(opcode, isFinal: isFinal, isDeflated: isDeflated, payloadLength: payload.count, mask: mask)
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: payload.count) { bytes in
      let room = UnsafeMutableRawBufferPointer(rebasing: bytes[..<payload.count])
      room.copyMemory(from: payload)
      mask?.apply(to: room, offset: 0)
      return payload.count
    }
    return frame
  }

  /// A frame as far as its header, with room for the payload.
  private static func start(
    _ opcode: Opcode, isFinal: Bool = true, isDeflated: Bool, payloadLength: Int, mask: MaskKey? = nil
  ) -> ByteBuffer {
    let header = FrameHeader(
      isFinal: isFinal, isDeflated: isDeflated, opcode: opcode, payloadLength: payloadLength, mask: mask)
    var frame = allocator.buffer(capacity: header.size + payloadLength)
    frame.writeWithUnsafeMutableBytes(minimumWritableBytes: header.size) { bytes in
      header.write(to: bytes)
      return header.size
    }
    return frame
  }
}
