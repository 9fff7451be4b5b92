import NIOHTTP1
import NotifluxProtocol

extension ErrorCode {
  /// The status an HTTP client gets with this code (RFC 9110 §15; RFC 6585 for 429 and 431).
  var httpStatus: HTTPResponseStatus {
    switch self {
    case .tokenMissing, .tokenMalformed, .tokenSignature, .tokenExpired, .tokenNotYetValid, .tokenClaims:
      .unauthorized
    case .tokenScope, .topicNotAllowed: .forbidden
    case .topicInvalid, .badRequest: .badRequest
    case .tooLarge: .payloadTooLarge
    case .tooManySubscriptions, .rateLimited: .tooManyRequests
    case .notFound: .notFound
    case .methodNotAllowed: .methodNotAllowed
    case .unsupportedMediaType: .unsupportedMediaType
    case .timeout: .requestTimeout
    case .draining: .serviceUnavailable
    case .internal: .internalServerError
    }
  }
}

/// A request that is refused: what the client is told, and whether the connection can go on.
struct HTTPFailure: Error {
  var refusal: Refusal
  /// Where the code alone does not say it: 426, 431, and 403 for an origin.
  var status: HTTPResponseStatus
  var headers: [(String, String)] = []
  /// Set where the rest of the connection could not be understood, or is not worth reading.
  var closesConnection = false

  init(_ refusal: Refusal, status: HTTPResponseStatus? = nil, headers: [(String, String)] = [], closes: Bool = false) {
    self.refusal = refusal
    self.status = status ?? refusal.code.httpStatus
    self.headers = headers
    closesConnection = closes
    switch self.status {
    case .unauthorized: self.headers.append(("www-authenticate", "Bearer"))  // RFC 9110 §11.6.1, RFC 6750 §3
    case .serviceUnavailable, .tooManyRequests: self.headers.append(("retry-after", "1"))
    default: break
    }
  }

  init(_ code: ErrorCode, _ message: String, closes: Bool = false) {
    self.init(Refusal(code, message), closes: closes)
  }

  var response: HTTPResponse {
    HTTPResponse(
      status: status, headers: headers, body: BroadcastAnswer.refused(refusal).json, closesConnection: closesConnection)
  }
}
