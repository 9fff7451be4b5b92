import NIOCore
import NotifluxProtocol

/// What arrives on a ``WebSocketLink``, in the order it was sent.
package enum LinkEvent: Sendable, Equatable {
  case text(String)
  /// The answer to ``WebSocketLink/sendPing(_:)`` with this number: everything the server sent before it came before.
  case pong(UInt64)
  /// Always the last.
  case ended(End)

  package enum End: Sendable, Equatable {
    /// The server's close frame; `code` is `nil` where it was empty.
    case closed(CloseCode?, reason: String)
    /// There was no close frame, or we broke off.
    case failed(ClientError)
  }
}

extension LinkEvent {
  /// What it counts against the bound of an ``EventBuffer``, in bytes.
  var cost: Int {
    if case .text(let text) = self { text.utf8.count + 64 } else { 64 }
  }
}
