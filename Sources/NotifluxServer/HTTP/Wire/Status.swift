/// The statuses that are answered with (RFC 9110 §15; RFC 6585 for 429 and 431).
enum Status: Int, Sendable {
  case `continue` = 100
  case switchingProtocols = 101
  case ok = 200
  case noContent = 204
  case badRequest = 400
  case unauthorized = 401
  case forbidden = 403
  case notFound = 404
  case methodNotAllowed = 405
  case requestTimeout = 408
  case contentTooLarge = 413
  case uriTooLong = 414
  case unsupportedMediaType = 415
  case expectationFailed = 417
  case upgradeRequired = 426
  case tooManyRequests = 429
  case requestHeaderFieldsTooLarge = 431
  case internalServerError = 500
  case serviceUnavailable = 503

  /// The status line, with its line end.
  var line: StaticString {
    switch self {
    case .continue: "HTTP/1.1 100 Continue\r\n"
    case .switchingProtocols: "HTTP/1.1 101 Switching Protocols\r\n"
    case .ok: "HTTP/1.1 200 OK\r\n"
    case .noContent: "HTTP/1.1 204 No Content\r\n"
    case .badRequest: "HTTP/1.1 400 Bad Request\r\n"
    case .unauthorized: "HTTP/1.1 401 Unauthorized\r\n"
    case .forbidden: "HTTP/1.1 403 Forbidden\r\n"
    case .notFound: "HTTP/1.1 404 Not Found\r\n"
    case .methodNotAllowed: "HTTP/1.1 405 Method Not Allowed\r\n"
    case .requestTimeout: "HTTP/1.1 408 Request Timeout\r\n"
    case .contentTooLarge: "HTTP/1.1 413 Content Too Large\r\n"
    case .uriTooLong: "HTTP/1.1 414 URI Too Long\r\n"
    case .unsupportedMediaType: "HTTP/1.1 415 Unsupported Media Type\r\n"
    case .expectationFailed: "HTTP/1.1 417 Expectation Failed\r\n"
    case .upgradeRequired: "HTTP/1.1 426 Upgrade Required\r\n"
    case .tooManyRequests: "HTTP/1.1 429 Too Many Requests\r\n"
    case .requestHeaderFieldsTooLarge: "HTTP/1.1 431 Request Header Fields Too Large\r\n"
    case .internalServerError: "HTTP/1.1 500 Internal Server Error\r\n"
    case .serviceUnavailable: "HTTP/1.1 503 Service Unavailable\r\n"
    }
  }
}
