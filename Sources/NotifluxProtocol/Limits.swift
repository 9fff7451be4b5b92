/// The fixed numbers of the protocol, each with its unit and where it comes from. What a user can set is in the
/// server's configuration instead.
package enum Limits {
  /// Seconds between two pings of the server (the seed's heartbeat).
  package static let pingInterval = 15
  /// Seconds without any frame after which the server closes a connection (the seed's time-out).
  package static let idleTimeout = 30
  /// Bytes of the largest message a client may send over a WebSocket: `/subscribe` with the longest topic and token.
  package static let clientMessage = 64 * 1024
  /// Bytes of the largest token.
  package static let token = 8 * 1024
  /// Bytes of the largest idempotency key.
  package static let idempotencyKey = 128
  /// Topics one publish may name.
  package static let topicsPerBroadcast = 1000
  /// Elements and members in the body of a publish, at any depth: some 3 ms of reading, however they are made up. Those
  /// we know take a thousand at the most; what is unknown is only skipped.
  package static let valuesPerBroadcast = 10_000
  /// Bytes of the largest body, or line of a batch, that an event loop reads itself: up to 0.5 ms, plain text 5 µs; and
  /// of the longest text that it makes the frames of. What is larger is for other threads, which costs some 20 µs more.
  package static let largeMessage = 32 * 1024
  /// What is added to the nice value of the threads for large messages: where cores are short, all else goes first.
  package static let largeMessageNiceness: Int32 = 19
  /// Seconds for which the same idempotency key returns the first answer.
  package static let idempotencyWindow = 300
  /// Seconds within which a request head must be complete (408 afterwards).
  package static let requestHeadTimeout = 10
  /// Seconds within which a request body must be complete (408 afterwards).
  package static let requestBodyTimeout = 60
  /// Seconds a kept-alive connection may be without a request.
  package static let keepAliveTimeout = 75
  /// Seconds the peer has to answer a close frame before the socket is closed under it.
  package static let closeTimeout = 5
  /// Milliseconds after which an `EventSource` comes back, but for a drain, which names others. Chromium's own time.
  package static let eventSourceRetry = 3000
  /// Bytes of the largest request head, request line and header fields together (431 above; nginx allows 4 × 8 KiB).
  package static let requestHead = 32 * 1024
  /// Bytes of the longest request head that a connection keeps until the next request, which may have the same.
  package static let rememberedHead = 1024
}
