/// The WebSocket close codes notiflux sends and understands (RFC 6455 §7.4.1; 1012–1014 and 3000 from the IANA registry), and
/// whether a client should come back after each.
package struct CloseCode: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt16
  package init(rawValue: UInt16) { self.rawValue = rawValue }

  package static let normal = CloseCode(rawValue: 1000)
  package static let goingAway = CloseCode(rawValue: 1001)
  package static let protocolError = CloseCode(rawValue: 1002)
  package static let unsupportedData = CloseCode(rawValue: 1003)
  package static let invalidPayload = CloseCode(rawValue: 1007)
  package static let policyViolation = CloseCode(rawValue: 1008)
  package static let tooLarge = CloseCode(rawValue: 1009)
  package static let internalError = CloseCode(rawValue: 1011)
  package static let tryAgainLater = CloseCode(rawValue: 1013)
  package static let unauthorized = CloseCode(rawValue: 3000)

  /// Whether the code may stand in a close frame. 1004–1006 and 1015 are reserved for local use (RFC 6455 §7.4.1).
  package var isSendable: Bool {
    switch rawValue {
    case 1000...1003, 1007...1014, 3000...4999: true
    default: false
    }
  }

  /// Whether the same request may succeed later. After 1002, 1003, 1007, 1008 and 1009 it would fail the same way.
  package var invitesReconnect: Bool {
    switch self {
    case .protocolError, .unsupportedData, .invalidPayload, .policyViolation, .tooLarge: false
    default: true
    }
  }
}

/// The reason of a close frame on drain: `reconnect in N ms`.
package enum ReconnectHint {
  private static let start = "reconnect in "
  private static let end = " ms"

  package static func reason(milliseconds: Int) -> String { "\(start)\(milliseconds)\(end)" }

  /// The milliseconds a close reason asks to wait; `nil` when it says something else.
  package static func milliseconds(in reason: String) -> Int? {
    guard reason.hasPrefix(start), reason.hasSuffix(end) else { return nil }
    let digits = reason.dropFirst(start.count).dropLast(end.count)
    guard let wait = Int(digits), wait >= 0 else { return nil }
    return wait
  }
}
