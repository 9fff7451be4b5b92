internal import COpenSSL

/// A failure inside OpenSSL, with the first reason of this thread's error queue.
struct OpenSSLError: Error, Sendable, Equatable {
  let reason: String

  /// Takes the queue's first reason and empties the queue, so that no later failure shows a stale one.
  static func drain() -> OpenSSLError {
    let code = ERR_peek_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else {
      return OpenSSLError(reason: "OpenSSL gave no reason")
    }
    return OpenSSLError(reason: String(cString: text))
  }

  /// Empties the queue after a call whose failure is an answer, not an error.
  static func discard() {
    ERR_clear_error()
  }
}
