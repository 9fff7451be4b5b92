import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import NotifluxWebSocket

/// What the network layers throw, in words for people.
extension ClientError {
  /// Any error of NIO's on a connection to `endpoint`. `certificate` is the server's, where one was seen.
  init(_ error: any Error, at endpoint: Endpoint, certificate: NIOSSLCertificate? = nil) {
    switch error {
    case let error as ClientError: self = error
    case let error as NIOConnectionError: self = Self.connecting(error, endpoint)
    case let error as IOError: self = .unreachable(endpoint, reason: Self.words(for: error.errnoCode))
    case ChannelError.connectTimeout(let limit):
      self = .timedOut(endpoint, reason: "no connection within \(Duration(limit).forPeople)")
    case EventLoopError.shutdown: self = .cancelled
    case is ChannelError: self = .unreachable(endpoint, reason: "the connection was closed")
    case let error as NIOSSLError: self = Self.tls(error, endpoint, certificate)
    case let error as NIOSSLExtraError where error == .failedToValidateHostname:
      let reason = "its certificate is for another host name; use the name it was issued for"
      self = .tls(endpoint, reason: reason)
    case is NIOSSLExtraError, is BoringSSLError: self = .tls(endpoint, reason: "\(error)")
    case is HTTPParserError:
      let way = endpoint.isTLS ? "" : " (if it expects TLS, write https://)"
      self = .unreachable(endpoint, reason: "what answers there does not speak HTTP\(way)")
    case let error as WebSocketFailure:
      self = .unreachable(endpoint, reason: "the server broke the WebSocket protocol: \(error.reason)")
    default: self = .unreachable(endpoint, reason: "\(error)")
    }
  }

  private static func connecting(_ error: NIOConnectionError, _ endpoint: Endpoint) -> ClientError {
    // Of several addresses that failed, a refusal says most: there the host was found.
    let causes = error.connectionErrors.map { ClientError($0.error, at: endpoint) }
    let refused = ClientError.unreachable(endpoint, reason: words(for: ECONNREFUSED))
    if causes.contains(refused) { return refused }
    if let cause = causes.last { return cause }
    return .unreachable(endpoint, reason: "the host name \"\(error.host)\" is not known; check its spelling")
  }

  private static func words(for code: CInt) -> String {
    switch code {
    case ECONNREFUSED: "connection refused; is the server running?"
    case ECONNRESET, EPIPE: "the connection was reset"
    case ETIMEDOUT: "the connection attempt was not answered"
    case EHOSTUNREACH, ENETUNREACH, ENETDOWN: "there is no route to the host; check the network"
    case EMFILE, ENFILE: "too many open files; raise the limit (ulimit -n)"
    default: String(cString: strerror(code))
    }
  }

  private static func tls(
    _ error: NIOSSLError, _ endpoint: Endpoint, _ certificate: NIOSSLCertificate?
  ) -> ClientError {
    if error == .uncleanShutdown { return .unreachable(endpoint, reason: "the connection was cut off") }
    let text = "\(error)"
    if text.contains("EOF during handshake") { return hungUp(endpoint) }
    let reason =
      if text.contains("CERTIFICATE_VERIFY_FAILED") {
        distrust(of: certificate)
      } else if text.contains("WRONG_VERSION_NUMBER") || text.contains("HTTP_REQUEST") {
        "the server does not speak TLS on this port; write http:// for a plain one"
      } else if text.contains("ALERT") || text.contains("HANDSHAKE_FAILURE") || text.contains("UNSUPPORTED_PROTOCOL") {
        "the TLS handshake failed; the server may be too old (TLS 1.2 is needed) or know no such host"
      } else {
        line(text, limit: 200)
      }
    return .tls(endpoint, reason: reason)
  }

  /// A proxy that is out of connections does that too, or is just being started: trying again may help.
  static func hungUp(_ endpoint: Endpoint) -> ClientError {
    .unreachable(endpoint, reason: "the server hung up during the TLS handshake; does it speak TLS on this port?")
  }

  private static func distrust(of certificate: NIOSSLCertificate?) -> String {
    let now = time(nil)
    if let end = certificate?.notValidAfter, end < now {
      return "its certificate expired \(Duration.seconds(now - end).forPeople) ago"
    }
    if let start = certificate?.notValidBefore, start > now {
      return "its certificate is valid only in \(Duration.seconds(start - now).forPeople); check the clock"
    }
    return "its certificate is self-signed or from an unknown authority; give the authority's certificate (--ca-file)"
  }
}

extension Duration {
  /// One number and its unit: `250 ms`, `12 s`, `3 days`.
  var forPeople: String {
    let (seconds, attoseconds) = components
    return switch seconds {
    case ..<1: "\(attoseconds / 1_000_000_000_000_000) ms"
    case ..<120: "\(seconds) s"
    case ..<7200: "\(seconds / 60) min"
    case ..<172_800: "\(seconds / 3600) h"
    default: "\(seconds / 86_400) days"
    }
  }
}
