import NotifluxClient
import NotifluxProtocol

/// How messages come over one of the two transports: whether at once, and whether the connection outlives silence.
struct StreamCheck: Sendable {
  enum Transport: String, Sendable {
    case webSocket = "/ws"
    case events = "/events"
  }

  /// Why nothing is known of messages.
  enum Obstacle: Sendable, Equatable {
    /// There was no token, or no way; what to give, or why.
    case notTried(String)
    /// Somebody would not have it.
    case refused(String)
    /// There was no connection to be had, or it broke.
    case noConnection(ClientError)
    /// The token's header field got lost, which is another check's finding.
    case headerIsMissing
    /// The connection never was open, which is another check's finding.
    case notOpen
  }

  let transport: Transport
  /// Set where nobody was subscribed.
  var subscribing: Obstacle?
  /// Set where nothing was published.
  var publishing: Obstacle?
  /// From the publish to the message; `nil` where it did not come in the time there was.
  var delivery: Duration?
  /// How long a message was waited for.
  var patience: Duration = .zero
  /// Whether anything at all came on the open connection, which begins with an envelope.
  var hasBegun = true
  /// Seconds between two signs of life of the server.
  var interval = Limits.pingInterval
  /// `Content-Encoding`, where somebody compressed the stream.
  var encoding: String?
  /// How long the connection was left alone; `nil` where it was not.
  var silence: Duration?
  /// How many signs of life came meanwhile.
  var signsOfLife = 0
  /// The silence after which the connection ended, and how; `byServer` where that took its leave (RFC 6455 §7).
  var cut: (after: Duration, how: String, byServer: Bool)?

  var findings: [Finding] { messages + [encoded, idle].compactMap { $0 } }

  private var check: Check { transport == .webSocket ? .delivery : .events }
  private var place: Remedy.Place { .location("= \(transport.rawValue)") }

  // MARK: Messages

  private var messages: [Finding] {
    switch subscribing {
    case .notTried(let what)?: return [.skipped(check, what)]
    case .refused(let reason)?: return [refused("subscribe", reason)]
    case .noConnection(let error)?: return [unconnected(error)]
    case .notOpen?, .headerIsMissing?: return []
    case nil: break
    }
    guard hasBegun else { return [buffered("nothing comes, not even the confirmation of the subscription")] }
    switch publishing {
    case .notTried(let what)?: return [.skipped(check, what)]
    case .refused(let reason)?: return [refused("publish", reason)]
    case .noConnection(let error)?: return [.skipped(check, "POST /broadcast: \(error.inWords)")]
    case .notOpen?, .headerIsMissing?: return []
    case nil: break
    }
    guard let delivery else {
      if cut != nil { return [.skipped(check, "the connection was cut before the message came")] }
      return [buffered("a message did not come within \(patience.inWords)")]
    }
    return [.ok(check, "a message comes \(delivery.inWords) after its publish")]
  }

  private func refused(_ what: String, _ reason: String) -> Finding {
    .problem(
      check, "cannot \(what): \(reason)", why: "a client with such a token fails the same way",
      Remedy("ask notiflux token inspect about the token; the server must have the public half of its key"))
  }

  private func unconnected(_ error: ClientError) -> Finding {
    .problem(
      check, "\(transport.rawValue): \(error.inWords)", why: "clients cannot subscribe there",
      .mending(error, else: .waitOut))
  }

  private func buffered(_ seen: String) -> Finding {
    .problem(
      check, seen,
      why: transport == .events
        ? "a proxy holds the answer back until it has enough of it: clients get messages late, or never"
        : "a proxy holds frames back, or another server behind it got the publish: one process is one hub",
      Remedy(
        "have the proxy pass every byte on at once (notiflux asks for it by X-Accel-Buffering: no)", in: place,
        nginx: ["proxy_buffering off;", "proxy_cache off;", "gzip off;"]))
  }

  private var encoded: Finding? {
    guard let encoding else { return nil }
    return .warning(
      check, "a proxy compresses the stream (\(encoding))",
      why: "every client costs the proxy a compressor, and messages wait where it is not flushed for each",
      Remedy("do not compress event streams", in: place, nginx: ["gzip off;"]))
  }

  // MARK: Silence

  private var idle: Finding? {
    if let cut, cut.byServer {
      return .warning(
        .idle, "the server closed \(transport.rawValue) (\(cut.how))",
        why: "it is going down, or has no room; clients come back by themselves",
        Remedy("see its log (journalctl -u notiflux), and run notiflux doctor again"))
    }
    if let cut {
      return .problem(
        .idle, "\(transport.rawValue) was cut after \(cut.after.inWords) of silence (\(cut.how))",
        why: "the server gives a sign of life each \(interval) s: whatever cuts sooner disconnects every quiet client, "
          + "over and over",
        Remedy(
          "give every proxy and load balancer on the way an idle time-out well above 30 s", in: place,
          nginx: ["proxy_read_timeout 75s;", "proxy_send_timeout 75s;"]))
    }
    guard subscribing != .notOpen, let silence else { return nil }
    guard silence.inSeconds >= Double(interval + 2) else {
      return .ok(
        .idle,
        "\(transport.rawValue) outlives \(silence.inWords) of silence; --wait \(interval + 5)s covers a whole ping")
    }
    guard signsOfLife > 0 else {
      // That all is held back is told already, and what is compressed may be.
      guard hasBegun, encoding == nil else { return nil }
      return .problem(
        .idle, "\(transport.rawValue): no sign of life within \(silence.inWords), where one is due each \(interval) s",
        why: "something on the way answers or holds back what keeps the connection alive; a dead client goes unnoticed",
        Remedy("have the proxy pass every byte on at once", in: place, nginx: ["proxy_buffering off;"]))
    }
    return .ok(
      .idle, "\(transport.rawValue) outlives \(silence.inWords) of silence, with a sign of life each \(interval) s")
  }
}
