import NotifluxProtocol
import Testing

@Suite struct CursorTests {
  @Test("a cursor reads back what it prints", arguments: ["e:0", "k3J9x_-:42", "A:18446744073709551615"])
  func roundTrip(_ text: String) throws {
    #expect(try Cursor(text).description == text)
  }

  @Test("sequence numbers of every length are written right, by themselves and in the answer to a publish")
  func everyLength() throws {
    var sequence: UInt64 = 1
    for _ in 0..<20 {
      for near in [sequence - 1, sequence, sequence + 1, sequence / 4 * 7] {
        for epoch in ["e", "k3J9xAbCdE", String(repeating: "-", count: 32)] {
          let cursor = Cursor(epoch: epoch, sequence: near)
          let text = epoch + ":" + String(near)
          #expect(cursor.description == text)
          #expect(cursor.textLength == text.utf8.count)
          let json = String(decoding: BroadcastAnswer.accepted(cursor).json, as: UTF8.self)
          #expect(json == #"{"cursor":"\#(text)"}"#)
        }
      }
      sequence = sequence.multipliedReportingOverflow(by: 10).overflow ? .max / 7 : sequence * 10
    }
  }

  @Test(
    "anything else is a bad request",
    arguments: [
      "", ":", "e:", ":1", "e:-1", "e:+1", "e:1:2", "e 1", "é:1", "e:1 ", "e:٣", "e:18446744073709551616", "e:01",
      "e:00",
      String(repeating: "e", count: 33) + ":1",
    ])
  func refuses(_ text: String) throws {
    let refusal = try #require(throws: Refusal.self) { try Cursor(text) }
    #expect(refusal.code == .badRequest)
  }
}
