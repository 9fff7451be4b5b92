/// The windows a server's deflated messages may be made with.
package enum DeflateWindow: Int32, Sendable {
  /// 32 KiB, for clients that set no limit.
  case full = 15
  /// 512 bytes, for clients that set any: one more form of a message is enough.
  case small = 9
}

/// The extension `permessage-deflate` as a server agrees to it (RFC 7692 §7.1): never with a context that is taken over
/// from one message to the next, so that a broadcast is deflated once for all, and no idle connection keeps a window.
package struct DeflateAgreement: Sendable, Equatable {
  /// What the server deflates with.
  package let window: DeflateWindow

  /// Takes the first of the client's offers that can be met; `nil` where there is none: the connection then goes
  /// without the extension (RFC 7692 §5.1). `offers` are the elements of all its `Sec-WebSocket-Extensions` fields.
  package init?(offers: some Sequence<ArraySlice<UInt8>>) {
    for offer in offers {
      guard let window = Self.window(of: offer) else { continue }
      self.window = window
      return
    }
    return nil
  }

  /// The value of the answer's `Sec-WebSocket-Extensions`.
  package var answer: StaticString {
    switch window {
    case .full: "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    case .small: "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9"
    }
  }

  private enum Parameter: String, CaseIterable {
    case serverNoContextTakeover = "server_no_context_takeover"
    case clientNoContextTakeover = "client_no_context_takeover"
    case serverMaxWindowBits = "server_max_window_bits"
    case clientMaxWindowBits = "client_max_window_bits"
  }

  /// `nil` for another extension, and for an offer that RFC 7692 has declined: a parameter that is unknown, repeated or
  /// has a value it may not have (§7.1).
  private static func window(of offer: ArraySlice<UInt8>) -> DeflateWindow? {
    let parts = offer.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false).map(\.withoutBlanks)
    guard parts[0].elementsEqual("permessage-deflate".utf8) else { return nil }
    var seen: Set<Parameter> = []
    var window = DeflateWindow.full
    for part in parts.dropFirst() {
      let halves = part.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let (name, value) = (halves[0].withoutBlanks, halves.count == 2 ? halves[1].withoutBlanks : nil)
      guard let parameter = Parameter.allCases.first(where: { name.elementsEqual($0.rawValue.utf8) }),
        seen.insert(parameter).inserted
      else { return nil }
      switch (parameter, value) {
      case (.serverNoContextTakeover, nil), (.clientNoContextTakeover, nil), (.clientMaxWindowBits, nil): break
      case (.clientMaxWindowBits, let value?):
        guard bits(value) != nil else { return nil }
      case (.serverMaxWindowBits, let value?):
        // zlib makes no raw stream for a window of 256 bytes.
        guard let bits = bits(value), bits > 8 else { return nil }
        if bits < 15 { window = .small }
      default: return nil
      }
    }
    return window
  }

  /// 8 to 15 without a leading zero, as a token or quoted.
  private static func bits(_ value: ArraySlice<UInt8>) -> Int? {
    var digits = value
    if let quote = value.first, quote == UInt8(ascii: "\""), value.count > 2, value.last == quote {
      digits = value.dropFirst().dropLast()
    }
    return (8...15).first { digits.elementsEqual(String($0).utf8) }
  }
}

extension ArraySlice<UInt8> {
  fileprivate var withoutBlanks: ArraySlice {
    var rest = self
    while let first = rest.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
    while let last = rest.last, last == 0x20 || last == 0x09 { rest.removeLast() }
    return rest
  }
}
