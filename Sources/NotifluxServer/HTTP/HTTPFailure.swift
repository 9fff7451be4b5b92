import NIOCore
import NotifluxProtocol

extension ErrorCode {
  /// The status an HTTP client gets with this code (RFC 9110 §15; RFC 6585 for 429 and 431).
  var httpStatus: Status {
    switch self {
    case .tokenMissing, .tokenMalformed, .tokenSignature, .tokenExpired, .tokenNotYetValid, .tokenClaims:
      .unauthorized
    case .tokenScope, .topicNotAllowed: .forbidden
    case .topicInvalid, .badRequest: .badRequest
    case .tooLarge: .contentTooLarge
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
  /// Where the code alone does not say it: 414, 417, 426, 431, and 403 for an origin.
  var status: Status
  var fields: [HTTPResponse.Field] = []
  /// Set where the rest of the connection could not be understood, or is not worth reading.
  var closesConnection = false

  init(_ refusal: Refusal, status: Status? = nil, fields: [HTTPResponse.Field] = [], closes: Bool = false) {
    self.refusal = refusal
    self.status = status ?? refusal.code.httpStatus
    self.fields = fields
    closesConnection = closes
    switch self.status {
    case .unauthorized: self.fields.append(("www-authenticate", "Bearer"))  // RFC 9110 §11.6.1, RFC 6750 §3
    case .serviceUnavailable, .tooManyRequests: self.fields.append(("retry-after", "\(refusal.retryAfter ?? 1)"))
    default: break
    }
  }

  init(_ code: ErrorCode, _ message: String, closes: Bool = false) {
    self.init(Refusal(code, message), closes: closes)
  }

  var response: HTTPResponse {
    HTTPResponse(
      status: status, fields: fields, body: .bytes(BroadcastAnswer.refused(refusal).json),
      closesConnection: closesConnection)
  }

  /// The whole answer to a client whose request was not even read. `date` is the value of its `Date` field.
  func completeAnswer(date: String) -> ByteBuffer {
    response.encoded(for: nil, closes: true, date: date, origins: .unrestricted)
  }
}
