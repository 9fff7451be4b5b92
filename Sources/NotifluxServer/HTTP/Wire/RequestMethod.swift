/// The methods that something is served for (RFC 9110 §9.3); all others are the same to us.
enum RequestMethod: String, Sendable {
  case get = "GET"
  case head = "HEAD"
  case post = "POST"
  case options = "OPTIONS"
  /// A method that no route takes.
  case other = ""

  /// `token` is a method as it stands in a request line; methods are told apart by case.
  init(_ token: Bytes) {
    switch token.count {
    case 3 where token.hasBytes("GET"): self = .get
    case 4 where token.hasBytes("POST"): self = .post
    case 4 where token.hasBytes("HEAD"): self = .head
    case 7 where token.hasBytes("OPTIONS"): self = .options
    default: self = .other
    }
  }
}
