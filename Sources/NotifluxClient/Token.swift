import NotifluxProtocol

/// A token is a string to this library; all it looks at is whether the wire can carry it.
enum Token {
  /// Throws for an empty token, or one with anything but visible ASCII in it: it would end a header field or a word of
  /// a text command.
  static func check(_ token: String) throws(Refusal) {
    guard !token.isEmpty else { throw Refusal(.tokenMissing, "the token is empty; give one") }
    guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw Refusal(.tokenMalformed, "the token holds a blank, a line break or a character outside ASCII; remove it")
    }
  }
}
