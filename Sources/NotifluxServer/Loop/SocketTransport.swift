import CLinux
import Glibc
import NIOCore

/// A plain socket on a ``Reactor``. Watched edge-triggered, once for all: no system call but the reads and the writes.
final class SocketTransport: EventSource, Transport, BacklogSender {
  var connection: Connection?
  var client: ClientAddress
  private let reactor: Reactor
  let descriptor: Int32
  /// Where this socket's output of the turn is in the outbox, if there is any: the outbox's.
  var outboxPlace: Int32 = 0
  /// What the kernel did not take; only while there is any.
  private var backlog: Backlog?
  private var flags: Flags = []

  private struct Flags: OptionSet {
    let rawValue: UInt16
    static let closed = Flags(rawValue: 1)
    static let paused = Flags(rawValue: 2)
    /// The kernel may have input that was not read.
    static let unread = Flags(rawValue: 4)
    /// The peer's end of the stream has been read.
    static let ended = Flags(rawValue: 8)
    static let finishing = Flags(rawValue: 16)
    static let crowded = Flags(rawValue: 32)
    static let readPutOff = Flags(rawValue: 64)
    static let hungUp = Flags(rawValue: 128)
    /// A write has failed.
    static let dead = Flags(rawValue: 256)
    /// In the reactor's queue: the kernel may take some of the backlog.
    static let queued = Flags(rawValue: 512)
  }

  /// Takes the descriptor over, which must be non-blocking; closes it if that fails.
  init(descriptor: Int32, client: ClientAddress, reactor: Reactor) throws(SystemFailure) {
    self.descriptor = descriptor
    self.client = client
    self.reactor = reactor
    super.init()
    let events = NOTIFLUX_EPOLLIN | NOTIFLUX_EPOLLOUT | NOTIFLUX_EPOLLRDHUP | NOTIFLUX_EPOLLET
    do { try reactor.watch(self, descriptor: descriptor, events: events) } catch {
      Glibc.close(descriptor)
      throw error
    }
  }

  override func ready(_ events: UInt32) {
    guard !flags.contains(.closed) else { return }
    if events & NOTIFLUX_EPOLLOUT != 0, backlog != nil { enqueue() }
    guard events & (NOTIFLUX_EPOLLIN | NOTIFLUX_EPOLLRDHUP | NOTIFLUX_EPOLLHUP | NOTIFLUX_EPOLLERR) != 0 else { return }
    if events & (NOTIFLUX_EPOLLRDHUP | NOTIFLUX_EPOLLHUP | NOTIFLUX_EPOLLERR) != 0 { flags.insert(.hungUp) }
    flags.insert(.unread)
    readInput()
  }

  // MARK: Input

  private func readInput() {
    guard flags.contains(.unread) else { return }
    repeat {
      guard flags.isDisjoint(with: [.closed, .paused, .ended]) else { return }
      let buffer = reactor.receiveBuffer
      let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
      if count > 0 {
        reactor.received(count)
        // A short read has emptied the socket (epoll(7)), but for an end of the stream behind it.
        if count < buffer.count, !flags.contains(.hungUp) { flags.remove(.unread) }
        connection?.received(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
        guard flags.contains(.unread) else { return }
      } else if count == 0 {
        flags.insert(.ended)
        connection?.inputEnded()
        return
      } else if errno == EAGAIN {
        flags.remove(.unread)
        return
      } else if errno != EINTR {
        return close()
      }
    } while reactor.mayReadOn()
    readLater()
  }

  private func readLater() {
    guard !flags.contains(.readPutOff) else { return }
    flags.insert(.readPutOff)
    reactor.executeIsolated {
      self.flags.remove(.readPutOff)
      self.readInput()
    }
  }

  func pauseReading() { flags.insert(.paused) }

  func resumeReading() {
    flags.remove(.paused)
    if flags.contains(.unread) { readLater() }
  }

  // MARK: Output

  /// Computed: an idle connection has no room for it.
  var unsentBytes: Int { (backlog?.byteCount ?? 0) + reactor.outbox.byteCount(of: self) }

  var isWritable: Bool { unsentBytes < WaterMark.high }

  func write(_ bytes: ByteBuffer) {
    guard flags.isDisjoint(with: [.closed, .finishing]), bytes.readableBytes > 0 else { return }
    if let unsent = backlog == nil ? reactor.outbox.add(bytes, of: self) : nil {
      if unsent >= WaterMark.high { flags.insert(.crowded) }
    } else {
      writeMuch(bytes)
    }
    if isInterested { reactor.outbox.await(by: self) }
  }

  /// What was written in this turn does not fit into one piece, or the kernel has not taken what was written before.
  private func writeMuch(_ bytes: ByteBuffer) {
    if backlog == nil { flushNow() }
    if let backlog {
      backlog.append(bytes)
    } else if reactor.outbox.add(bytes, of: self) == nil {
      backlog = Backlog(bytes)
      enqueue()
    }
    if !isWritable { flags.insert(.crowded) }
  }

  /// Nothing to do: the turn ends with it.
  func flush() {}

  func flushNow() {
    if flags.contains(.queued) { sendBacklog(upTo: .max) }
    guard let bytes = reactor.outbox.takeBack(from: self) else { return }
    let result = bytes.withUnsafeReadableBytes { notiflux_send(descriptor, $0.baseAddress, $0.count) }
    reactor.outbox.sentBytes += Int(max(result, 0))
    if result != bytes.readableBytes { took(result, of: bytes) }
    // The connection is in the middle of something: it is told in a turn of its own.
    if isInterested { reactor.executeIsolated { self.outputLeft() } }
  }

  /// The kernel did not take all of `bytes`: how many it took, or a negated error number. Tells nobody:
  /// ``outputLeft()`` does.
  func took(_ result: Int32, of bytes: ByteBuffer) {
    guard result >= 0 || result == -EAGAIN else { return flags.formUnion([.dead, .finishing]) }
    var rest = bytes
    rest.moveReaderIndex(forwardBy: max(Int(result), 0))
    backlog = Backlog(rest)  // There is none yet: while there is one, nothing is offered but from it.
  }

  private func enqueue() {
    guard !flags.contains(.queued) else { return }
    flags.insert(.queued)
    reactor.backlogs.append(self)
  }

  /// Whether ``outputLeft()`` would do anything.
  var isInterested: Bool { !flags.isDisjoint(with: [.dead, .finishing, .crowded]) }

  /// To be called after some output has left, when everything is in order again.
  func outputLeft() {
    guard !flags.contains(.closed) else { return }
    if flags.contains(.dead) { return close() }
    if unsentBytes == 0, flags.contains(.finishing) { _ = shutdown(descriptor, Int32(SHUT_WR)) }
    guard flags.contains(.crowded), unsentBytes < WaterMark.low else { return }
    flags.remove(.crowded)
    connection?.becameWritable()
  }

  @discardableResult
  func sendBacklog(upTo limit: Int) -> Int {
    flags.remove(.queued)
    guard !flags.contains(.closed), let backlog else { return 0 }
    var sum = 0
    while !backlog.isEmpty {
      if sum >= limit {
        enqueue()
        break
      }
      let sent = backlog.send(to: descriptor, upTo: limit - sum)
      if sent == -Int(EAGAIN) { break }
      guard sent >= 0 else {
        close()
        return sum
      }
      sum += sent
      reactor.outbox.sentBytes += sent
    }
    if backlog.isEmpty { self.backlog = nil }
    outputLeft()
    return sum
  }

  // MARK: End

  func finishOutput() {
    guard flags.isDisjoint(with: [.closed, .finishing]) else { return }
    flags.insert(.finishing)
    flushNow()
    if unsentBytes == 0 { outputLeft() }
  }

  func close() {
    guard !flags.contains(.closed) else { return }
    if flags.contains(.queued), let backlog {
      while backlog.send(to: descriptor, upTo: .max) > 0 && !backlog.isEmpty {}
    }
    if let bytes = reactor.outbox.takeBack(from: self) {
      _ = bytes.withUnsafeReadableBytes { notiflux_send(descriptor, $0.baseAddress, $0.count) }
    }
    flags.insert(.closed)
    backlog = nil
    reactor.retire(self, descriptor: descriptor)
    let last = connection
    connection = nil
    last?.transportClosed()
  }
}

@available(*, unavailable)
extension SocketTransport: Sendable {}
