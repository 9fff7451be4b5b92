import CLinux
import Glibc

/// Many sends, each to another socket, by one system call: io_uring, where the kernel grants it.
///
/// Confined to the thread that made it: the kernel takes submissions from no other. Bytes offered by another thread are
/// still sent, but one by one.
///
/// A batch has at most one send for a socket: the kernel does not promise an order within a batch.
final class SendRing {
  private struct Send {
    let descriptor: Int32
    var result: Int32
    let bytes: UnsafeRawBufferPointer
    let tag: Int
  }

  private let ring: OpaquePointer
  private let capacity: Int
  private var added: ContiguousArray<Send> = []
  /// The kernel has failed the ring itself, rather than one send: from then on bytes are sent one by one.
  private(set) var isBroken = false

  /// A ring that submits up to `entries` sends at once, rounded up to a power of two; larger batches take several
  /// submissions. Each entry costs 100 bytes.
  static func make(entries: Int) -> Result<SendRing, RingUnavailable> {
    var ring: OpaquePointer?
    let result = notiflux_ring_open(UInt32(clamping: entries), &ring)
    return if let ring { .success(SendRing(ring)) } else { .failure(RingUnavailable(code: -result)) }
  }

  private init(_ ring: OpaquePointer) {
    self.ring = ring
    capacity = Int(notiflux_ring_capacity(ring))
  }

  deinit { notiflux_ring_close(ring) }

  /// Adds to the batch; `bytes` and `descriptor` must stay valid until ``submit(_:)`` offers it.
  func add(descriptor: Int32, bytes: UnsafeRawBufferPointer, tag: Int) {
    added.append(Send(descriptor: descriptor, result: Self.unknown, bytes: bytes, tag: tag))
  }

  /// Offers the batch to the sockets, none of which it waits for; then tells of each send, in the order added, how many
  /// bytes were taken, or `-errno`. `-EAGAIN`: none, the socket is full. `-EIO`: it is not known how many, so that
  /// nothing can follow.
  ///
  /// All have been offered before the first is told of: `completion` may close sockets, free what was sent, and add to
  /// the next batch.
  func submit(_ completion: (_ tag: Int, _ result: Int32) -> Void) {
    guard !added.isEmpty else { return }
    var batch: ContiguousArray<Send> = []
    swap(&batch, &added)
    batch.withUnsafeMutableBufferPointer { offer($0) }
    for send in batch { completion(send.tag, send.result) }
    if added.isEmpty {
      batch.clear()
      swap(&batch, &added)
    }
  }

  /// What a send has for a result until its completion is there.
  private static let unknown = -EIO

  private func offer(_ sends: UnsafeMutableBufferPointer<Send>) {
    var start = 0
    while start < sends.count, !isBroken {
      let end = min(start + capacity, sends.count)
      for index in start..<end {
        let send = sends[index]
        notiflux_ring_prepare_send(ring, send.descriptor, send.bytes.baseAddress, send.bytes.count, UInt64(index))
      }
      let unsubmitted = complete(sends, count: end - start)
      start = end - unsubmitted
    }
    for index in start..<sends.count {
      let send = sends[index]
      sends[index].result = notiflux_send(send.descriptor, send.bytes.baseAddress, send.bytes.count)
    }
  }

  /// Submits the `count` sends that are prepared and writes down their results. Returns how many of them, the last ones,
  /// were not submitted: none, unless the ring broke.
  private func complete(_ sends: UnsafeMutableBufferPointer<Send>, count: Int) -> Int {
    var missing = count
    while missing > 0 {
      let submitted = notiflux_ring_submit(ring, UInt32(missing))
      let reaped = reap(sends)
      missing -= reaped
      guard submitted > 0 || reaped > 0 || submitted == -EINTR else {
        isBroken = true
        return Int(notiflux_ring_retract(ring))
      }
    }
    return 0
  }

  private func reap(_ sends: UnsafeMutableBufferPointer<Send>) -> Int {
    var count = 0
    var index: UInt64 = 0
    var result: Int32 = 0
    while notiflux_ring_reap(ring, &index, &result) {
      sends[Int(index)].result = result
      count += 1
    }
    return count
  }
}

@available(*, unavailable)
extension SendRing: Sendable {}

/// Why the kernel does not grant a ``SendRing``, for a line in the log.
struct RingUnavailable: Error, CustomStringConvertible {
  /// The `errno`.
  let code: Int32

  var description: String {
    switch code {
    case ENOSYS: "the kernel, or the container's seccomp profile, has no io_uring"
    case EPERM, EACCES: "io_uring is forbidden, by kernel.io_uring_disabled or the container's seccomp profile"
    case EOPNOTSUPP: "the kernel's io_uring cannot send; Linux 5.6 is needed"
    case ENOMEM: "no memory for io_uring; before Linux 5.12 the limit of locked memory must allow it"
    default: "io_uring: \(String(cString: strerror(code)))"
    }
  }
}
