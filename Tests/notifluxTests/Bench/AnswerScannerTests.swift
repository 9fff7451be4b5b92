import Testing

@testable import notiflux

@Suite("The scan of answers")
struct AnswerScannerTests {
  /// What is found when the bytes come in pieces of this length, and what was left over.
  private func scan(_ text: String, by length: Int) throws -> (ScannedAnswer, String)? {
    var scanner = AnswerScanner()
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: length) {
      let piece = Array(bytes[start..<min(start + length, bytes.count)])
      if let (answer, rest) = try piece.withUnsafeBytes({ try scanner.scan($0) }) {
        return (answer, String(decoding: rest + bytes.dropFirst(start + length), as: UTF8.self))
      }
    }
    return nil
  }

  @Test("an answer is found whole, however its bytes come", arguments: Array(1...40) + [1000])
  func pieces(length: Int) throws {
    let text = "HTTP/1.1 200 OK\r\nX: \r\ncontent-LENGTH:  5 \r\nY: z\r\n\r\n\r\n\r\n!"
    #expect(try scan(text, by: length)?.0 == ScannedAnswer(status: 200))
    #expect(try scan(text + "rest", by: length)?.1 == "rest")
    let refusal = "HTTP/1.1 401 No\r\nContent-Length: 2\r\nConnection: Close\r\n\r\n{}"
    let answer = try #require(try scan(refusal, by: length)?.0)
    #expect(answer.status == 401 && answer.body == Array("{}".utf8) && !answer.keepsAlive)
    #expect(answer.field("content-length") == "2")
  }

  @Test("a switch of protocols ends with its head, and what follows is not lost")
  func switching() throws {
    let found = try scan("HTTP/1.1 101 Go\r\nSec-WebSocket-Accept: s3p\r\n\r\n\u{1}frame", by: 1000)
    #expect(found?.0.field("sec-websocket-accept") == "s3p")
    #expect(found?.1 == "\u{1}frame")
  }

  @Test("without a length the answer ends with its head, and the connection with it")
  func noLength() throws {
    let found = try scan("HTTP/1.1 502 Bad\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello", by: 1000)
    #expect(found?.0.status == 502 && found?.0.keepsAlive == false)
  }

  @Test(
    "what is no answer is a fault",
    arguments: ["SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"])
  func faults(text: String) {
    #expect(throws: AnswerFault.self) { try scan(text, by: 1000) }
  }
}
