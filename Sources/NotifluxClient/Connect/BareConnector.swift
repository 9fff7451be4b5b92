import NIOCore
import NotifluxProtocol

/// Connections to one endpoint on which nothing is spoken yet, for a program that speaks on them itself; and what goes
/// wrong on them, in the words of ``ClientError``.
package struct BareConnector: Sendable {
  package let endpoint: Endpoint
  private let connector: Connector

  /// All connections live on `eventLoop`.
  package init(endpoint: Endpoint, eventLoop: any EventLoop, configuration: ClientConfiguration) {
    self.endpoint = endpoint
    connector = Connector(endpoint: endpoint, eventLoop: eventLoop, configuration: configuration)
  }

  /// A connection that is ready to be written to, after the TLS handshake where there is one. Fails with a
  /// ``ClientError`` only.
  package func connect() -> EventLoopFuture<any Channel> { connector.connect() }

  /// Any error that was caught on one of the connections.
  package func failure(_ error: any Error) -> ClientError { ClientError(error, at: endpoint) }

  /// An answer over HTTP that is not the one that was hoped for; `location` is what its field of that name says.
  package func failure(status: Int, location: String?, body: [UInt8]) -> ClientError {
    let answer = HTTPAnswer(status: status, body: ByteBuffer(bytes: body), location: location)
    return switch Verdict(answer, from: endpoint) {
    case .failed(let error), .temporary(let error, _, _): error
    case .accepted: .unexpectedAnswer(endpoint, status: status, snippet: "")
    }
  }

  /// Throws what ``NotifluxClient`` refuses to send as a token.
  package static func check(token: String) throws(ClientError) {
    do { try Token.check(token) } catch { throw .refused(error, status: nil) }
  }
}
