import NotifluxProtocol

/// A client's `Sec-WebSocket-Key` (RFC 6455 §4.1): 16 bytes in canonical base64.
package struct HandshakeKey: Sendable, Equatable {
  private let text: [UInt8]

  /// `nil` for what is no such key.
  package init?(_ field: some Collection<UInt8>) {
    guard field.count == 24, field.suffix(2).allSatisfy({ $0 == UInt8(ascii: "=") }) else { return nil }
    text = Array(field)
    // What is left of the bytes has no padding, white space or stray bits, so it has one reading.
    let digits = text.dropLast(2)
    guard !digits.contains(UInt8(ascii: "=")), (try? Base64.decode(digits))?.count == 16,
      digits.allSatisfy({ $0 > UInt8(ascii: " ") })
    else { return nil }
  }

  /// The value of `Sec-WebSocket-Accept` that proves that the key was read (RFC 6455 §4.2.2).
  package var accept: [UInt8] {
    Array(Base64.encode(HandshakeDigest.sha1(text + Self.suffix)).utf8)
  }

  private static let suffix = Array("258EAFA5-E914-47DA-95CA-C5AB0DC85B11".utf8)
}
