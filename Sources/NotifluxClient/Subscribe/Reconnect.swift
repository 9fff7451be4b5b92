import NotifluxProtocol

/// Decides, after each connection that ended or never came to be, whether to come back and when. Pure.
struct Reconnect: Sendable {
  /// How a connection ended.
  enum Ending: Sendable, Equatable {
    /// There was none: it could not be reached, or the handshake was answered with an error.
    case failed(ClientError, retryAfter: Duration?)
    /// The server's close frame.
    case closed(CloseCode?, reason: String)
    /// It broke without one.
    case lost(ClientError)
  }

  enum Decision: Sendable, Equatable {
    case retry(after: Duration)
    case giveUp
  }

  /// A connection that lasted this long makes up for all failures before it.
  static let healthy: Duration = .seconds(5)
  /// The longest a server can make a client wait; it may have meant another unit.
  static let longestHint: Duration = .seconds(600)

  private let backoff: Backoff
  private var failures = 0

  init(backoff: Backoff) { self.backoff = backoff }

  /// `lived` is how long the connection lasted, zero if there was none.
  mutating func decide(
    after ending: Ending, lived: Duration, using generator: inout some RandomNumberGenerator
  ) -> Decision {
    if lived >= Self.healthy { failures = 0 }
    guard Self.mayComeBack(after: ending) else { return .giveUp }
    let wait = backoff.delay(failures: failures, using: &generator)
    defer { failures += 1 }
    guard let hint = Self.hint(of: ending) else { return .retry(after: wait) }
    // The server spreads its hints; only one that keeps sending us away is given more time than it asked for.
    return .retry(after: failures == 0 ? hint : max(hint, wait))
  }

  private static func hint(of ending: Ending) -> Duration? {
    switch ending {
    case .failed(_, let retryAfter): retryAfter.map { min($0, longestHint) }
    case .closed(_, let reason):
      ReconnectHint.milliseconds(in: reason).map { min(.milliseconds($0), longestHint) }
    case .lost: nil
    }
  }

  private static func mayComeBack(after ending: Ending) -> Bool {
    switch ending {
    case .closed(let code, _): code?.invitesReconnect ?? true
    case .failed(let error, _), .lost(let error): error.isWorthRetrying
    }
  }
}

extension ClientError {
  /// Whether the same may succeed later without anybody mending anything here.
  var isWorthRetrying: Bool {
    switch self {
    case .unreachable, .timedOut, .noToken: true
    case .refused(let refusal, _): refusal.code.isTemporary
    case .unexpectedAnswer(_, let status, _): status == 429 || (500...599).contains(status)
    case .closed(_, let code, _): CloseCode(rawValue: code).invitesReconnect
    case .tls, .cancelled: false
    }
  }
}

extension ErrorCode {
  /// Whether a refusal with this code is about the moment rather than the request.
  var isTemporary: Bool {
    switch self {
    case .rateLimited, .draining, .timeout, .internal: true
    case .tokenMissing, .tokenMalformed, .tokenSignature, .tokenExpired, .tokenNotYetValid, .tokenClaims, .tokenScope,
      .topicNotAllowed, .topicInvalid, .badRequest, .tooLarge, .tooManySubscriptions, .notFound, .methodNotAllowed,
      .unsupportedMediaType:
      false
    }
  }
}
