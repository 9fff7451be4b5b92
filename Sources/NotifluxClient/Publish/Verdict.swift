import NIOCore
import NIOHTTP1
import NotifluxProtocol

/// A complete answer over HTTP, as far as this client reads it.
struct HTTPAnswer: Sendable, Equatable {
  /// The most of a body that is kept; no notiflux answer comes near it.
  static let longestBody = 64 * 1024

  var status: Int
  /// Its first ``longestBody`` bytes.
  var body = ByteBuffer()
  /// From `Location` (RFC 9110 §10.2.2).
  var location: String?
  /// From `Retry-After`, where that gives seconds (RFC 9110 §10.2.3); a date is not understood.
  var retryAfter: Duration?
  var keepsAlive = true
}

extension HTTPAnswer {
  init(_ head: HTTPResponseHead) {
    status = Int(head.status.code)
    keepsAlive = head.isKeepAlive
    location = head.headers.first(name: "Location")
    retryAfter = head.headers.first(name: "Retry-After").flatMap { Int($0) }.flatMap { $0 >= 0 ? .seconds($0) : nil }
  }

  mutating func append(_ part: ByteBuffer) {
    body.writeBytes(part.readableBytesView.prefix(Self.longestBody - body.readableBytes))
  }
}

/// What an answer means for the publish it belongs to.
enum Verdict: Sendable, Equatable {
  case accepted(Cursor)
  case failed(ClientError)
  /// May succeed later. `isUndelivered` where the server itself says that it took nothing; else it may have.
  case temporary(ClientError, retryAfter: Duration?, isUndelivered: Bool)

  init(_ answer: HTTPAnswer, from endpoint: Endpoint) {
    let said = answer.body.withUnsafeReadableBytes { BroadcastAnswer(json: $0) }
    switch said {
    case .accepted(let cursor)? where answer.status == 200: self = .accepted(cursor)
    case .refused(let refusal)?:
      let error = ClientError.refused(refusal, status: answer.status)
      self =
        answer.status == 429 || answer.status == 503
        ? .temporary(error, retryAfter: answer.retryAfter, isUndelivered: true) : .failed(error)
    default:
      let error = ClientError.unexpectedAnswer(endpoint, status: answer.status, snippet: answer.snippet)
      switch answer.status {
      case 429, 502, 503, 504: self = .temporary(error, retryAfter: answer.retryAfter, isUndelivered: false)
      default: self = .failed(error)
      }
    }
  }
}

extension HTTPAnswer {
  /// What there is to tell of an answer that is not notiflux's, on one line: of a redirection where it leads, else the
  /// beginning of the body, unless that is a page for browsers.
  var snippet: String {
    if let location, (300..<400).contains(status) { return ClientError.line(location, limit: 200) }
    let text = ClientError.line(String(buffer: body), limit: 80)
    return text.hasPrefix("<") ? "" : text
  }
}
