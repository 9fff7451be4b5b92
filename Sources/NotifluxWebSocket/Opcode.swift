/// The kinds of frame (RFC 6455 §5.2, §11.8); the reserved ones have no case, so they cannot be taken for anything.
package enum Opcode: UInt8, Sendable {
  case continuation = 0x0
  case text = 0x1
  case binary = 0x2
  case close = 0x8
  case ping = 0x9
  case pong = 0xA

  /// Control frames may stand between the fragments of a message, and are never fragmented themselves (§5.4, §5.5).
  var isControl: Bool { rawValue & 0x8 != 0 }

  var beginsMessage: Bool { self == .text || self == .binary }
}
