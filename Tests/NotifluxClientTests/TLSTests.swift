import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxClient

@Suite("An encrypted connection", .timeLimit(.minutes(1)))
struct TLSTests {
  /// Publishes one message to a server with `certificate`, which answers if it can.
  func publish(
    to certificate: TestCertificate?, trusting caFile: String?, scheme: String = "https"
  ) async throws -> Result<Cursor, ClientError> {
    try await TestServer.run(tls: certificate?.serverContext()) { server in
      var configuration = ClientConfiguration()
      configuration.caFile = caFile
      configuration.retries = 0
      let client = NotifluxClient(endpoint: try server.endpoint(scheme), configuration: configuration)
      let answering = Task {
        let connection = try await server.accept()
        if certificate == nil {
          // What a plain server says to a TLS greeting.
          _ = await connection.receive()
          try await connection.write(answer("400 Bad Request", ""))
        } else {
          _ = try await connection.readRequest()
          try await connection.accept(1)
        }
      }
      let topic = try Topic("t")
      let result: Result<Cursor, ClientError>
      do throws(ClientError) {
        result = .success(try await client.publish("secret", to: [topic], token: "tok"))
      } catch {
        result = .failure(error)
      }
      answering.cancel()
      await client.shutDown()
      return result
    }
  }

  func reason(_ result: Result<Cursor, ClientError>) -> String {
    guard case .failure(.tls(_, let reason)) = result else { return "\(result)" }
    return reason
  }

  @Test("is made with a server whose authority is in the CA file")
  func trusted() async throws {
    let certificate = try TestCertificate(names: "IP:127.0.0.1")
    let result = try await publish(to: certificate, trusting: certificate.certificateFile)
    #expect(result == .success(Cursor(epoch: "e", sequence: 1)))
  }

  @Test("is refused where nobody vouches for the server")
  func untrusted() async throws {
    let result = try await publish(to: TestCertificate(names: "IP:127.0.0.1"), trusting: nil)
    #expect(reason(result).contains("self-signed or from an unknown authority"))
    #expect(reason(result).contains("--ca-file"))
  }

  @Test("is refused where the certificate is for another host")
  func otherHost() async throws {
    let certificate = try TestCertificate(names: "DNS:other.example")
    let result = try await publish(to: certificate, trusting: certificate.certificateFile)
    #expect(reason(result).contains("is for another host name"))
  }

  @Test("is refused where the certificate has expired")
  func expired() async throws {
    let certificate = try TestCertificate(names: "IP:127.0.0.1", isExpired: true)
    let result = try await publish(to: certificate, trusting: certificate.certificateFile)
    #expect(reason(result).hasPrefix("its certificate expired "))
    #expect(reason(result).hasSuffix(" days ago"))
  }

  @Test("is not to be had from a plain server, and the error says so")
  func plainServer() async throws {
    let result = try await publish(to: nil, trusting: nil)
    #expect(reason(result) == "the server does not speak TLS on this port; write http:// for a plain one")
  }

  @Test("is needed by a TLS server, and the error of a plain client says so")
  func plainClient() async throws {
    let result = try await publish(to: TestCertificate(names: "IP:127.0.0.1"), trusting: nil, scheme: "http")
    guard case .failure(.unreachable) = result else {
      Issue.record("\(result)")
      return
    }
  }

  @Test("needs a CA file that can be read")
  func badFile() async throws {
    let certificate = try TestCertificate(names: "IP:127.0.0.1")
    let result = try await publish(to: certificate, trusting: "/no/such/file.pem")
    #expect(reason(result).contains(#"the CA file "/no/such/file.pem" cannot be read as PEM certificates"#))
  }

  @Test("carries a WebSocket too")
  func webSocket() async throws {
    let certificate = try TestCertificate(names: "IP:127.0.0.1")
    try await TestServer.run(tls: certificate.serverContext()) { server in
      var configuration = ClientConfiguration()
      configuration.caFile = certificate.certificateFile
      let client = NotifluxClient(endpoint: try server.endpoint("wss"), configuration: configuration)
      let topic = try Topic("t")
      let listening = Task {
        var events: [SubscriptionEvent] = []
        for try await event in client.subscribe(to: [topic], token: { _ in "tok" }) {
          events.append(event)
          if case .message = event { break }
        }
        return events
      }
      let connection = try await server.accept()
      try await connection.shakeHands()
      #expect(try await connection.readText() == "/subscribe t tok")
      try await connection.answerPing()
      try await connection.send("hello")
      let message = SubscriptionEvent.message(Message(topic: topic, data: "hello"))
      #expect(try await listening.value == [.connected, .subscribed(topic, nil), message])
      #expect(try await connection.readEvent() == .close(code: .normal, reason: ""))
      await client.shutDown()
    }
  }
}
