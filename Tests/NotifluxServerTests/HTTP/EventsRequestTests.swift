import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct EventsRequestTests {
  private func request(_ target: String, _ fields: [(String, String)] = []) throws -> EventsRequest {
    try EventsRequest(
      requestHead("GET \(target) HTTP/1.1\r\n\(fields.map { "\($0): \($1)\r\n" }.joined())\r\n"))
  }

  @Test("topics, token and place come from the query; blanks and percent signs are decoded")
  func query() throws {
    let events = try request("/events?topic=a+b&topic=%C3%A4%2B&topic=a%20b&token=x.y.z&since=e:4&other=1")
    #expect(try events.topics == [Topic("a b"), Topic("ä+")])
    #expect(events.token == "x.y.z")
    #expect(try events.since == Cursor("e:4"))
    #expect(events.stream == .serverSentEvents)
  }

  @Test("Last-Event-ID wins over since, a bearer over the query's token; an empty place is none")
  func fields() throws {
    let target = "/events?topic=a&since=e:4&token=x"
    let events = try request(target, [("Last-Event-ID", "e:9"), ("Authorization", "Bearer y")])
    #expect(try events.since == Cursor("e:9"))
    #expect(events.token == "y")
    #expect(try request(target, [("Last-Event-ID", "")]).since == Cursor("e:4"))
    #expect(try request("/events?topic=a&since=").since == nil)
  }

  @Test("NDJSON is for those who ask for it and not for events")
  func accept() throws {
    for (accept, stream) in [
      ("application/x-ndjson", EventStream.ndjson), ("Application/X-NDJSON;q=0.9, */*", .ndjson),
      ("*/*", .serverSentEvents),
      ("text/event-stream, application/x-ndjson", .serverSentEvents), ("text/html", .serverSentEvents),
    ] {
      #expect(try request("/events?topic=a", [("Accept", accept)]).stream == stream)
    }
  }

  @Test(
    "what cannot be understood is refused",
    arguments: [
      "/events", "/events?topic", "/events?topic=%4", "/events?topic=%zz", "/events?topic=%FF",
      "/events?topic=a&since=x",
    ])
  func refuses(_ target: String) throws {
    let refusal = try #require(throws: Refusal.self) { try request(target) }
    #expect([.badRequest, .topicInvalid].contains(refusal.code))
  }
}
