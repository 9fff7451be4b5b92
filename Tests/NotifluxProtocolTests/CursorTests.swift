import NotifluxProtocol
import Testing

@Suite struct CursorTests {
  @Test("a cursor reads back what it prints", arguments: ["e:0", "k3J9x_-:42", "A:18446744073709551615"])
  func roundTrip(_ text: String) throws {
    #expect(try Cursor(text).description == text)
  }

  @Test(
    "anything else is a bad request",
    arguments: [
      "", ":", "e:", ":1", "e:-1", "e:+1", "e:1:2", "e 1", "é:1", "e:1 ", "e:٣", "e:18446744073709551616",
      String(repeating: "e", count: 33) + ":1",
    ])
  func refuses(_ text: String) throws {
    let refusal = try #require(throws: Refusal.self) { try Cursor(text) }
    #expect(refusal.code == .badRequest)
  }
}
