import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct HTTPResponseTests {
  private func text(
    _ response: HTTPResponse, to head: RequestHead? = nil, closes: Bool = false, origins: OriginPolicy = .unrestricted
  ) -> String {
    String(buffer: response.encoded(for: head, closes: closes, date: "D", origins: origins))
  }

  @Test("the cursor that is written is the one of the protocol's answer")
  func cursor() {
    for sequence in [0, 9, 10, 99, 100, 12_345, UInt64.max] {
      let cursor = Cursor(epoch: "aZ-_09", sequence: sequence)
      let json = BroadcastAnswer.accepted(cursor).json
      let answer = text(.accepted(cursor))
      #expect(answer.hasSuffix("\r\n\r\n" + String(decoding: json, as: UTF8.self)))
      #expect(answer.contains("\r\ncontent-length: \(json.count)\r\n"))
    }
  }

  @Test("a complete answer needs no request")
  func complete() {
    let bytes = HTTPFailure(.rateLimited, "later").completeAnswer(date: "D")
    #expect(
      String(buffer: bytes) == "HTTP/1.1 429 Too Many Requests\r\ndate: D\r\ncontent-type: application/json\r\n"
        + "content-length: 39\r\nretry-after: 1\r\nconnection: close\r\n\r\n{\"error\":\"later\",\"code\":\"rate_limited\"}"
    )
  }

  @Test("HEAD gets the head of what GET would get; 204 has neither type nor length")
  func bodies() throws {
    let head = try requestHead("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(text(.json("{}"), to: head).hasSuffix("content-length: 2\r\n\r\n"))
    #expect(text(HTTPResponse(status: .noContent), to: head) == "HTTP/1.1 204 No Content\r\ndate: D\r\n\r\n")
    #expect(text(HTTPResponse(status: .ok, body: .stream, contentType: "x/y")).hasSuffix("content-type: x/y\r\n\r\n"))
  }

  @Test("HTTP/1.0 is told that the connection stays, and a page what it may read")
  func fields() throws {
    let old = try requestHead("GET / HTTP/1.0\r\nConnection: keep-alive\r\nOrigin: https://a.example\r\n\r\n")
    #expect(text(.json("{}"), to: old).hasSuffix("connection: keep-alive\r\n\r\n{}"))
    let answer = text(.json("{}"), to: old, closes: true, origins: .only(["https://a.example"]))
    #expect(
      answer.hasSuffix(
        "\r\naccess-control-allow-origin: https://a.example\r\nvary: origin\r\nconnection: close\r\n\r\n{}"))
  }

  @Test("each status line says its number")
  func statuses() {
    for code in 100..<600 {
      guard let status = Status(rawValue: code) else { continue }
      let line = "\(status.line)"
      #expect(line.hasPrefix("HTTP/1.1 \(code) ") && line.hasSuffix("\r\n") && line.utf8.count > 15)
    }
    #expect(ErrorCode.allCases.allSatisfy { $0.httpStatus.rawValue >= 400 })
  }
}
