import NotifluxProtocol

/// Why a connection cannot go on: the close code and reason the peer is told (RFC 6455 §7.1.7).
package struct WebSocketFailure: Error, Sendable, Equatable {
  package let code: CloseCode
  /// At most 123 UTF-8 bytes, what a close frame has room for.
  package let reason: String

  package init(code: CloseCode, reason: String) {
    self.code = code
    self.reason = reason
  }

  static func protocolError(_ reason: String) -> WebSocketFailure {
    WebSocketFailure(code: .protocolError, reason: reason)
  }

  static let invalidText = WebSocketFailure(code: .invalidPayload, reason: "the text is not valid UTF-8")

  static let invalidDeflatedData = WebSocketFailure(
    code: .invalidPayload, reason: "the message is not deflated as RFC 7692 has it")

  static func tooLarge(limit: Int) -> WebSocketFailure {
    WebSocketFailure(code: .tooLarge, reason: "a message may have at most \(limit) bytes")
  }
}
