import NIOCore
import NotifluxProtocol

/// What a peer said: whole messages and control frames.
package enum WebSocketEvent: Sendable, Equatable {
  /// Valid UTF-8.
  case text(ByteBuffer)
  case binary(ByteBuffer)
  case ping(ByteBuffer)
  case pong(ByteBuffer)
  /// `code` is `nil` where the close frame was empty.
  case close(code: CloseCode?, reason: String)
}

/// Turns the bytes of a WebSocket connection into events: frames are unmasked, fragments joined, every rule of
/// RFC 6455 §5 checked, deflated messages inflated (RFC 7692). Holds at most one message of `maximumMessageLength` bytes
/// plus what was last fed, and of a deflated one up to that much in both forms.
package struct FrameDecoder {
  /// Which end we are: a server's peer must mask its frames, a client's must not (RFC 6455 §5.1).
  package enum Role: Sendable { case server, client }

  private let role: Role
  private let maximumMessageLength: Int
  private let inflates: Bool
  /// Bytes not yet consumed.
  private var input = ByteBuffer()
  /// The frame whose payload is under way, and how much of that was consumed.
  private var frame: (header: FrameHeader, consumed: Int)?
  /// The message under way. Its payload is kept apart from that of a control frame in between.
  private var message: (header: FrameHeader, payload: ByteBuffer)?
  private var control = ByteBuffer()
  private var utf8 = UTF8Validator()

  /// `inflates`: `permessage-deflate` was agreed on, without context takeover by the peer.
  package init(role: Role, maximumMessageLength: Int, inflates: Bool = false) {
    self.role = role
    self.inflates = inflates
    self.maximumMessageLength = maximumMessageLength
  }

  /// Whether it stands between two messages with nothing left over: a fresh decoder would go on as well.
  package var isIdle: Bool { input.readableBytes == 0 && frame == nil && message == nil && control.readableBytes == 0 }

  /// Whether `bytes` are one whole pong of a client and nothing else (RFC 6455 §5.5.3), such as answers a ping of ours.
  package static func isPong(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // Final and of opcode 10; masked, with a length below 126; then the mask and the payload.
    bytes.count >= 6 && bytes[0] == 0x8A && bytes[1] >= 0x80 && bytes[1] < 0xFE
      && bytes.count == 6 + Int(bytes[1] & 0x7F)
  }

  /// Takes what was read from the socket; call ``next()`` until it returns `nil` afterwards.
  package mutating func feed(_ bytes: ByteBuffer) {
    if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
  }

  /// The next event, `nil` when more bytes are needed. After an error the decoder must not be used again.
  package mutating func next() throws(WebSocketFailure) -> WebSocketEvent? {
    while true {
      if frame == nil {
        guard let header = try FrameHeader.read(from: &input, allowingDeflated: inflates) else {
          releaseInputIfEmpty()
          return nil
        }
        try begin(header)
        frame = (header, 0)
      }
      guard let event = try consumePayload() else {
        if frame != nil {
          releaseInputIfEmpty()
          return nil
        }
        continue
      }
      return event
    }
  }

  /// Checks a header against the message under way.
  private mutating func begin(_ header: FrameHeader) throws(WebSocketFailure) {
    guard (header.mask != nil) == (role == .server) else {
      throw .protocolError(role == .server ? "a client's frames must be masked" : "a server's frame is masked")
    }
    if header.opcode.isControl { return }
    if header.opcode == .continuation {
      guard message != nil else { throw .protocolError("a continuation without a message") }
    } else {
      guard message == nil else { throw .protocolError("a new message before the last one ended") }
      message = (header, ByteBuffer())
      utf8 = UTF8Validator()
    }
    let soFar = message?.payload.readableBytes ?? 0
    guard header.payloadLength <= maximumMessageLength - soFar else { throw .tooLarge(limit: maximumMessageLength) }
  }

  /// Takes what is there of the current frame's payload; returns an event when that completes one.
  private mutating func consumePayload() throws(WebSocketFailure) -> WebSocketEvent? {
    guard let (header, consumed) = frame else { return nil }
    let length = min(header.payloadLength - consumed, input.readableBytes)
    guard var piece = input.readSlice(length: length) else { return nil }
    header.mask?.apply(toReadableBytesOf: &piece, offset: consumed)
    let isEndOfFrame = consumed + length == header.payloadLength
    frame = isEndOfFrame ? nil : (header, consumed + length)
    if header.opcode.isControl {
      control.writeImmutableBuffer(piece)
      return isEndOfFrame ? try controlEvent(header.opcode) : nil
    }
    return try append(piece, endsMessage: isEndOfFrame && header.isFinal)
  }

  private mutating func append(_ piece: ByteBuffer, endsMessage: Bool) throws(WebSocketFailure) -> WebSocketEvent? {
    guard let header = message?.header, var payload = message?.payload else { return nil }
    message = nil  // So that `payload` is uniquely referenced and grows in place.
    if !header.isDeflated { try check(piece, of: header, endsMessage: endsMessage) }
    if payload.readableBytes == 0 && endsMessage { payload = piece } else { payload.writeImmutableBuffer(piece) }
    guard endsMessage else {
      message = (header, payload)
      return nil
    }
    if header.isDeflated {
      payload = try inflated(payload)
      try check(payload, of: header, endsMessage: true)
    }
    return header.opcode == .text ? .text(payload) : .binary(payload)
  }

  /// Fails at the first byte that keeps a text from being UTF-8.
  private mutating func check(
    _ piece: ByteBuffer, of header: FrameHeader, endsMessage: Bool
  ) throws(WebSocketFailure) {
    guard header.opcode == .text else { return }
    guard piece.withUnsafeReadableBytes({ utf8.validate($0) }), utf8.isComplete || !endsMessage else {
      throw .invalidText
    }
  }

  private func inflated(_ payload: ByteBuffer) throws(WebSocketFailure) -> ByteBuffer {
    let message = try Inflater.pool.withOne { inflater throws(WebSocketFailure) in
      try inflater.inflate(payload, limit: maximumMessageLength)
    }
    guard let message else {
      throw WebSocketFailure(code: .internalError, reason: "the server has no memory to inflate this message")
    }
    return message
  }

  private mutating func controlEvent(_ opcode: Opcode) throws(WebSocketFailure) -> WebSocketEvent {
    var payload = control
    control = ByteBuffer()
    if opcode == .ping { return .ping(payload) }
    if opcode == .pong { return .pong(payload) }
    guard payload.readableBytes > 0 else { return .close(code: nil, reason: "") }
    guard let code = payload.readInteger(as: UInt16.self).map(CloseCode.init(rawValue:)), code.isSendable else {
      throw .protocolError("the close code is not one that may be sent")
    }
    guard let reason = String(validating: payload.readableBytesView, as: UTF8.self) else { throw .invalidText }
    return .close(code: code, reason: reason)
  }

  /// An idle connection holds no buffer.
  private mutating func releaseInputIfEmpty() {
    if input.readableBytes == 0 { input = ByteBuffer() }
  }
}

extension MaskKey {
  func apply(toReadableBytesOf buffer: inout ByteBuffer, offset: Int) {
    buffer.withUnsafeMutableReadableBytes { apply(to: $0, offset: offset) }
  }
}
