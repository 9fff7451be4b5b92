import CLinux
import Glibc
import Logging
import NIOCore
import NotifluxProtocol

/// A plain listening socket on one of the reactors. Deals the connections it accepts to all of them in turn. Confined to
/// its reactor's loop.
final class SocketListener: EventSource {
  /// Connections accepted in one turn, so that those that are open get theirs.
  private static let acceptsPerTurn = 128

  private let socket: ListeningSocket
  private let reactor: Reactor
  private let accepted: (Int32, ClientAddress) -> Void
  private var isOpen = true
  private let shortage: AcceptShortage

  /// Accepts nothing before ``start()``. `accepted` takes over each new descriptor; it is told whose it is.
  init(
    _ socket: ListeningSocket, reactor: Reactor, logger: Logger, accepted: @escaping (Int32, ClientAddress) -> Void
  ) {
    self.socket = socket
    self.reactor = reactor
    shortage = AcceptShortage(logger: logger)
    self.accepted = accepted
  }

  func start() throws { try reactor.watch(self, descriptor: socket.descriptor, events: NOTIFLUX_EPOLLIN) }

  /// Accepts nothing more; connections live on.
  func close() {
    guard isOpen else { return }
    isOpen = false
    reactor.retire(self, descriptor: socket.descriptor)
    socket.removeFile()
  }

  override func ready(_ events: UInt32) {
    for _ in 0..<Self.acceptsPerTurn where isOpen {
      var address = sockaddr_storage()
      let connection = notiflux_accept(socket.descriptor, &address)
      if connection >= 0 {
        accepted(connection, ClientAddress(address))
        continue
      }
      switch -connection {
      case EAGAIN: return shortage.end()
      case let code where AcceptShortage.errors.contains(code): return rest(because: code)
      default: continue  // The client has gone already (accept(2)).
      }
    }
  }

  /// Connections stay in the kernel's queue until there may be room for them.
  private func rest(because code: Int32) {
    shortage.begin(code)
    reactor.watch(self, descriptor: socket.descriptor, insteadFor: 0)
    reactor.afterNextTick {
      guard self.isOpen else { return }
      self.reactor.watch(self, descriptor: self.socket.descriptor, insteadFor: NOTIFLUX_EPOLLIN)
      self.ready(NOTIFLUX_EPOLLIN)  // Whoever waited may have gone: then no event would come.
    }
  }
}

@available(*, unavailable)
extension SocketListener: Sendable {}
