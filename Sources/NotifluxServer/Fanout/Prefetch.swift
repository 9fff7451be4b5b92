import CLinux

/// Has the processor fetch memory that is about to be used, without waiting for it. A subscriber that was idle is in no
/// cache, and a walk over many of them that waits for each in turn takes most of its time so.
///
/// By address, not by reference: to count a reference is to wait for the object.
enum Prefetch {
  /// Of every processor we run on; elsewhere some lines are asked for twice.
  private static var lineSize: Int { 64 }

  @inline(__always)
  static func lines(_ count: Int, at address: UnsafeRawPointer) {
    for index in 0..<count { notiflux_prefetch(address + index * lineSize) }
  }
}
