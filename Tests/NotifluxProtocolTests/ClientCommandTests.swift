import NotifluxProtocol
import Testing

@Suite struct ClientCommandTests {
  @Test(
    "a message becomes the command it says",
    arguments: [
      ("/subscribe news tok", .subscribe(topic: "news", token: "tok")),
      ("  \r\n/subscribe news tok\u{2003}\n", .subscribe(topic: "news", token: "tok")),
      ("/subscribe tür/🚪 a.b.c", .subscribe(topic: "tür/🚪", token: "a.b.c")),
      ("/unsubscribe news", .unsubscribe(topic: "news")),
      ("/unsubscribe a b  c", .unsubscribe(topic: "a b  c")),
      ("/unsubscribe  a", .unsubscribe(topic: " a")),
      ("/unsubscribe-all", .unsubscribeAll),
      (" /unsubscribe-all ", .unsubscribeAll),
      ("/subscribe news", .malformedSubscribe),
      ("/subscribe news a b", .malformedSubscribe),
      ("/subscribe  news tok", .malformedSubscribe),
      ("/subscribe news  tok", .malformedSubscribe),
      ("/subscribe  tok", .malformedSubscribe),
      ("/subscribe a\u{A0}b c", .subscribe(topic: "a\u{A0}b", token: "c")),
      ("/subscribe", .unknown),
      ("/subscribe ", .unknown),
      ("/unsubscribe", .unknown),
      ("/unsubscribe ", .unknown),
      ("/unsubscribe-all now", .unknown),
      ("/Subscribe news tok", .unknown),
      ("/subscribe\u{301} news tok", .unknown),
      ("/subscribe\tnews tok", .unknown),
      ("/", .unknown),
      ("/ subscribe", .unknown),
      ("//", .unknown),
    ] as [(String, ClientCommand)])
  func parses(_ message: String, _ command: ClientCommand) {
    #expect(ClientCommand.parse(message) == command)
  }

  @Test(
    "what does not start with a slash is no command",
    arguments: ["", " ", "hello", "\u{FEFF}/subscribe a b", "subscribe"])
  func ignores(_ message: String) {
    #expect(ClientCommand.parse(message) == nil)
  }

  @Test(
    "what a command prints parses to that command",
    arguments: [
      ClientCommand.subscribe(topic: "a/b", token: "x.y.z"), .unsubscribe(topic: "ä"), .unsubscribeAll,
    ])
  func roundTrip(_ command: ClientCommand) throws {
    #expect(ClientCommand.parse(try #require(command.text)) == command)
  }
}
