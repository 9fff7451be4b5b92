import NIOCore
import NotifluxWebSocket

/// The bytes text-mode subscribers get for a published text.
enum TextFrame {
  private static let allocator = ByteBufferAllocator()

  static func encode(_ text: String) -> ByteBuffer {
    FrameEncoder.text(text.utf8, allocator: allocator)
  }
}
