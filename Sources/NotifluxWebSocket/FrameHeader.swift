import NIOCore

/// Everything of a frame before its payload (RFC 6455 §5.2): 2 to 14 bytes.
struct FrameHeader: Equatable {
  var isFinal: Bool
  /// RSV1, which `permessage-deflate` sets in the first frame of a deflated message (RFC 7692 §6).
  var isDeflated = false
  var opcode: Opcode
  var payloadLength: Int
  var mask: MaskKey?

  /// Reads a header off the front of `buffer`; `nil`, and nothing read, while it is incomplete. Throws for what was not
  /// agreed on: reserved bits or opcodes, lengths not in their shortest form, long or fragmented control frames.
  static func read(
    from buffer: inout ByteBuffer, allowingDeflated: Bool
  ) throws(WebSocketFailure) -> FrameHeader? {
    guard let (first, second) = buffer.getMultipleIntegers(at: buffer.readerIndex, as: (UInt8, UInt8).self) else {
      return nil
    }
    guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .protocolError("reserved opcode") }
    let isDeflated = first & 0x40 != 0
    guard first & 0x30 == 0, !isDeflated || allowingDeflated && opcode.beginsMessage else {
      throw .protocolError("reserved bits are set")
    }
    let isFinal = first & 0x80 != 0
    let shortLength = Int(second & 0x7F)
    if opcode.isControl && !(isFinal && shortLength <= 125) {
      throw .protocolError("a control frame is fragmented or longer than 125 bytes")
    }
    var size = 2
    var length = shortLength
    if shortLength == 126 {
      guard let long = buffer.getInteger(at: buffer.readerIndex + 2, as: UInt16.self) else { return nil }
      (size, length) = (4, Int(long))
    } else if shortLength == 127 {
      guard let long = buffer.getInteger(at: buffer.readerIndex + 2, as: UInt64.self) else { return nil }
      guard long <= UInt64(Int64.max) else { throw .protocolError("the payload length has its highest bit set") }
      (size, length) = (10, Int(long))
    }
    guard size == Self.size(forLength: length) else { throw .protocolError("the payload length is not minimal") }
    var mask: MaskKey?
    if second & 0x80 != 0 {
      guard let key = buffer.getInteger(at: buffer.readerIndex + size, as: UInt32.self) else { return nil }
      mask = MaskKey(rawValue: key)
      size += 4
    }
    guard buffer.readableBytes >= size else { return nil }
    buffer.moveReaderIndex(forwardBy: size)
    return FrameHeader(
      isFinal: isFinal, isDeflated: isDeflated, opcode: opcode, payloadLength: length, mask: mask)
  }

  /// The bytes it takes.
  var size: Int { Self.size(forLength: payloadLength) + (mask == nil ? 0 : 4) }

  /// Writes it to the first ``size`` of `bytes`.
  func write(to bytes: UnsafeMutableRawBufferPointer) {
    let maskBit: UInt8 = mask == nil ? 0 : 0x80
    bytes[0] = (isFinal ? 0x80 : 0) | (isDeflated ? 0x40 : 0) | opcode.rawValue
    switch Self.size(forLength: payloadLength) {
    case 2: bytes[1] = maskBit | UInt8(payloadLength)
    case 4:
      bytes[1] = maskBit | 126
      bytes.storeBytes(of: UInt16(payloadLength).bigEndian, toByteOffset: 2, as: UInt16.self)
    default:
      bytes[1] = maskBit | 127
      bytes.storeBytes(of: UInt64(payloadLength).bigEndian, toByteOffset: 2, as: UInt64.self)
    }
    if let mask { bytes.storeBytes(of: mask.rawValue.bigEndian, toByteOffset: size - 4, as: UInt32.self) }
  }

  /// Bytes of an unmasked header for this payload length.
  static func size(forLength length: Int) -> Int { length <= 125 ? 2 : length <= Int(UInt16.max) ? 4 : 10 }
}

/// The masking key of a client's frame, most significant byte first (RFC 6455 §5.3).
struct MaskKey: Equatable {
  var rawValue: UInt32

  static func random() -> MaskKey { MaskKey(rawValue: .random(in: 0 ... .max)) }

  /// Masks or unmasks `bytes`, whose first byte has the position `offset` in its frame's payload.
  func apply(to bytes: UnsafeMutableRawBufferPointer, offset: Int) {
    let key = rotated(by: offset)
    let wide = UInt64(key.bigEndian) | UInt64(key.bigEndian) << 32
    var index = 0
    while index + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
      bytes.storeBytes(of: word ^ wide, toByteOffset: index, as: UInt64.self)
      index += 8
    }
    while index < bytes.count {
      bytes[index] ^= UInt8(truncatingIfNeeded: key >> (24 - 8 * UInt32(index & 3)))
      index += 1
    }
  }

  /// The key as it applies from payload position `offset` on.
  private func rotated(by offset: Int) -> UInt32 {
    let shift = UInt32(offset & 3) * 8
    return shift == 0 ? rawValue : rawValue << shift | rawValue >> (32 - shift)
  }
}
