import NotifluxProtocol
import Testing

@Suite struct TopicTests {
  @Test(
    "a topic may be any text without control characters",
    arguments: ["news", "a b", "tür/🚪", String(repeating: "x", count: 255), "/ws", "\u{A0}", " lead"])
  func accepts(_ text: String) throws {
    #expect(try Topic(text).text.utf8.elementsEqual(text.utf8))
  }

  @Test(
    "an empty, long or control-ridden text is no topic",
    arguments: [
      "", String(repeating: "x", count: 256), String(repeating: "é", count: 128), "a\tb", "\u{7F}", "x\u{9F}", "\0",
    ])
  func refuses(_ text: String) throws {
    let refusal = try #require(throws: Refusal.self) { try Topic(text) }
    #expect(refusal.code == .topicInvalid)
  }

  @Test("the refusal names the character that is in the way")
  func namesCharacter() throws {
    let refusal = try #require(throws: Refusal.self) { try Topic("a\u{1B}b") }
    #expect(refusal.message.contains("U+001B"))
  }

  @Test("topics are the same only byte for byte")
  func comparesBytes() throws {
    let composed = try Topic("caf\u{E9}")
    let decomposed = try Topic("cafe\u{301}")
    #expect(composed.text == decomposed.text, "the standard library takes the texts for equal")
    #expect(composed != decomposed)
    #expect(Set([composed, decomposed]).count == 2)
    #expect(try composed == Topic("caf\u{E9}"))
  }

  @Test("a blank, or white space at the end, keeps a topic out of text commands")
  func fitsTextCommands() throws {
    #expect(try Topic("news").fitsTextCommands)
    #expect(try !Topic("a b").fitsTextCommands)
    #expect(try !Topic("a\u{2003}").fitsTextCommands)
  }
}
