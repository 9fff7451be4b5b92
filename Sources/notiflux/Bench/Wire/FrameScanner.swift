/// What a server says in one WebSocket frame or, in fragments, in several. The bytes are valid during the call only.
enum ServerFrame {
  case text(UnsafeRawBufferPointer)
  case binary
  case ping(UnsafeRawBufferPointer)
  case pong
  /// `code` is `nil` where the frame was empty.
  case close(code: UInt16?, reason: String)
}

/// A server that breaks RFC 6455 §5.
struct FrameFault: Error, Equatable {
  let reason: String
}

/// Cuts what a server sends into frames without copying those that came whole. Checks what a server could get wrong about
/// the framing; that texts are UTF-8 is for those who look into them.
struct FrameScanner {
  let longestMessage: Int
  /// The beginning of a frame whose end has not come yet.
  private var kept: [UInt8] = []
  /// The message under way, where it comes in fragments.
  private var fragments: [UInt8]?

  init(longestMessage: Int) { self.longestMessage = longestMessage }

  /// Hands over every frame that is complete with these bytes.
  mutating func scan(_ bytes: UnsafeRawBufferPointer, _ take: (ServerFrame) -> Void) throws(FrameFault) {
    if kept.isEmpty {
      let used = try scanWhole(bytes, take)
      if used < bytes.count { kept = Array(bytes[used...]) }
      return
    }
    kept.append(contentsOf: bytes)
    let all = kept
    kept = []
    let used = try all.withUnsafeBufferPointer { (bytes) throws(FrameFault) in
      try scanWhole(UnsafeRawBufferPointer(bytes), take)
    }
    kept = used == 0 ? all : Array(all[used...])
  }

  /// Returns how many bytes whole frames took.
  private mutating func scanWhole(
    _ bytes: UnsafeRawBufferPointer, _ take: (ServerFrame) -> Void
  ) throws(FrameFault) -> Int {
    var start = 0
    while bytes.count - start >= 2 {
      var header = 2
      var length = Int(bytes[start + 1])
      if length == 126 {
        guard bytes.count - start >= 4 else { break }
        length = Int(bytes[start + 2]) << 8 | Int(bytes[start + 3])
        header = 4
      } else if length == 127 {
        guard bytes.count - start >= 10 else { break }
        length = bytes[start + 2..<start + 10].reduce(0) { $0 &<< 8 | Int($1) }
        header = 10
      } else if length > 127 {
        throw FrameFault(reason: "a server's frame is masked")
      }
      guard length >= 0, length <= longestMessage else { throw FrameFault(reason: "a message is too long") }
      let end = start + header + length
      guard end <= bytes.count else { break }
      let payload = UnsafeRawBufferPointer(rebasing: bytes[start + header..<end])
      if bytes[start] == 0x81, fragments == nil {
        take(.text(payload))
      } else {
        try takeOther(bytes[start], payload, take)
      }
      start = end
    }
    return start
  }

  /// All that is not a text in one frame.
  private mutating func takeOther(
    _ first: UInt8, _ payload: UnsafeRawBufferPointer, _ take: (ServerFrame) -> Void
  ) throws(FrameFault) {
    guard first & 0x70 == 0 else { throw FrameFault(reason: "reserved bits are set") }
    let isFinal = first & 0x80 != 0
    let opcode = first & 0x0F
    if opcode >= 8 {
      guard isFinal, payload.count <= 125 else { throw FrameFault(reason: "a control frame is too long or fragmented") }
      return try takeControl(opcode, payload, take)
    }
    switch (opcode, fragments) {
    case (1, nil): fragments = Array(payload)  // Not final, or it would not be here.
    case (2, nil) where isFinal: take(.binary)
    case (0, let begun?):
      let message = begun + payload
      guard message.count <= longestMessage else { throw FrameFault(reason: "a message is too long") }
      fragments = isFinal ? nil : message
      if isFinal { message.withUnsafeBytes { take(.text($0)) } }
    default: throw FrameFault(reason: "a frame is out of place")
    }
  }

  private func takeControl(
    _ opcode: UInt8, _ payload: UnsafeRawBufferPointer, _ take: (ServerFrame) -> Void
  ) throws(FrameFault) {
    switch opcode {
    case 8 where payload.isEmpty: take(.close(code: nil, reason: ""))
    case 8:
      guard payload.count >= 2 else { throw FrameFault(reason: "a close frame has half a code") }
      let code = UInt16(payload[0]) << 8 | UInt16(payload[1])
      take(.close(code: code, reason: String(decoding: payload[2...], as: UTF8.self)))
    case 9: take(.ping(payload))
    case 10: take(.pong)
    default: throw FrameFault(reason: "reserved opcode")
    }
  }
}
