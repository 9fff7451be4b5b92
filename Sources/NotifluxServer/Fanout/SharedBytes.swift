import NIOCore
import Synchronization

/// Bytes that are made when they are first asked for, and shared from then on. Any thread; two that ask at the same
/// moment may both make them, and one result is kept.
struct SharedBytes: ~Copyable, Sendable {
  private final class Made: Sendable {
    let bytes: ByteBuffer

    init(_ bytes: ByteBuffer) { self.bytes = bytes }
  }

  /// Where the ``Made`` is that is retained here; 0 while there is none. Not an `AtomicLazyReference`: that one looks
  /// its type up at run time, a thousand instructions a message.
  private let address = Atomic<UInt>(0)

  func bytes(_ make: () -> ByteBuffer) -> ByteBuffer {
    if let made = Self.made(at: address.load(ordering: .acquiring)) {
      return made._withUnsafeGuaranteedRef { $0.bytes }
    }
    let bytes = make()
    let new = Unmanaged.passRetained(Made(bytes))
    let (isFirst, earlier) = address.compareExchange(
      expected: 0, desired: UInt(bitPattern: new.toOpaque()), ordering: .acquiringAndReleasing)
    guard !isFirst, let made = Self.made(at: earlier) else { return bytes }
    new.release()
    return made._withUnsafeGuaranteedRef { $0.bytes }
  }

  deinit { Self.made(at: address.load(ordering: .acquiring))?.release() }

  private static func made(at address: UInt) -> Unmanaged<Made>? {
    guard let pointer = UnsafeRawPointer(bitPattern: address) else { return nil }
    return Unmanaged.fromOpaque(pointer)
  }
}
