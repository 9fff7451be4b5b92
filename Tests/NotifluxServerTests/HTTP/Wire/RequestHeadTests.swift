import Testing

@testable import NotifluxServer

@Suite struct RequestHeadTests {
  private func head(_ fields: String, line: String = "GET / HTTP/1.1") throws -> RequestHead {
    try requestHead("\(line)\r\n\(fields.split(separator: "\n").map { "\($0)\r\n" }.joined())\r\n")
  }

  private func texts(_ values: [ArraySlice<UInt8>]) -> [String] { values.map { String(decoding: $0, as: UTF8.self) } }

  @Test("fields are found whatever the case of their names, in their order, without the blanks around them")
  func fields() throws {
    let head = try head("A: 1\nLAST-event-ID:  e:4\t \naccept: x , ,y;q=1\nAccept: z\nlast-event-i: no\nAccept-: no")
    #expect(head.text("last-event-id") == "e:4")
    #expect(texts(head.all("accept")) == ["x , ,y;q=1", "z"])
    #expect(texts(head.list("accept")) == ["x", "y;q=1", "z"])
    #expect(head.text("a") == "1")
    #expect(head.first("b") == nil)
    #expect(head.contentType == nil && head.authorization == nil && head.expectation == nil)
    #expect(head.framing == .length(0))
  }

  @Test("of fields that may be sent once only the first counts")
  func first() throws {
    let head = try head("authorization: Bearer a\nAuthorization: Bearer b\nContent-Type: x\ncontent-type: y\nExpect: z")
    #expect(head.bearerToken == "a")
    #expect(texts([head.contentType, head.expectation].compactMap { $0 }) == ["x", "z"])
  }

  @Test("a bearer has a scheme in any case, then blanks, then the token")
  func bearer() throws {
    for (field, token) in [
      ("Bearer a.b", "a.b"), ("bEARER   a.b", "a.b"), ("Bearer", nil), ("Basic a", nil), ("Bearera b", nil), ("", nil),
    ] as [(String, String?)] {
      #expect(try head("Authorization: \(field)").bearerToken == token)
    }
    #expect(try head("").bearerToken == nil)
  }

  @Test("a host is a name or an address, perhaps with a port, and nothing else")
  func host() throws {
    for host in ["", "x", "a-b.example:8080", "x:", "1.2.3.4:80", "[::1]", "[::1]:443", "[fe80::1%25eth0]:1", "%41_~!"]
    {
      #expect(try head("Host: \(host)").hasHost, "\(host)")
    }
    for host in [
      "x:y", "x:1:2", "x:+1", "x:１", "[::1", "::1", "[]", "[::1]x", "[::1]:y", "[[::1]]", "x[::1]", "x]", "a b", "a@b",
      "a/b", "a\\b", "a?b", "a#b", "a<b", "\"a\"", "\u{E9}",
    ] {
      #expect(throws: RequestError.self, "\(host)") { try head("Host: \(host)") }
    }
  }

  @Test("the connection is kept unless somebody says otherwise, in HTTP/1.0 only if somebody says so")
  func keepAlive() throws {
    for (line, connection, isKept) in [
      ("GET / HTTP/1.1", "x", true), ("GET / HTTP/1.1", "close", false), ("GET / HTTP/1.1", "x, CLOSE ,y", false),
      ("GET / HTTP/1.1", "keep-alive, close", false), ("GET / HTTP/1.0", "x", false),
      ("GET / HTTP/1.0", ", Keep-Alive", true), ("GET / HTTP/1.0", "keep-alive\nConnection: close", false),
      ("GET / HTTP/1.1", "closed", true),
    ] {
      #expect(try head("Connection: \(connection)", line: line).isKeepAlive == isKept, "\(line), \(connection)")
    }
  }

  @Test("the path is the target without query, fragment, scheme and authority")
  func target() throws {
    for (target, path, query) in [
      ("/a/b", "/a/b", ""), ("/a?b=c?d#e", "/a", "b=c?d"), ("http://h:1/a?b", "/a", "b"), ("http://h", "/", ""),
      ("http://h?x=/y", "/", "x=/y"), ("*", "*", ""), ("/x://y/z", "/x://y/z", ""), ("?a", "", "a"),
      ("h:80", "h:80", ""),
    ] {
      let head = try head("", line: "GET \(target) HTTP/1.1")
      #expect(String(decoding: head.path, as: UTF8.self) == path)
      #expect(String(decoding: head.query, as: UTF8.self) == query)
    }
  }

  @Test("the kind of body is told by its media type, without parameters and case")
  func content() throws {
    for (type, content) in [
      ("application/json", .json), ("Application/JSON ; charset=utf-8", .json), ("application/vnd.x+json", .json),
      ("application/x-ndjson", .lines), ("APPLICATION/X-NDJSON;a", .lines), ("text/plain", .other),
      ("application/jsonx", .other), ("application/xjson", .other), ("text/x+json", .other), ("", .other),
      ("application/+json", .json),
    ] as [(String, RequestHead.Content)] {
      #expect(try head("Content-Type: \(type)").content == content, "\(type)")
    }
    #expect(try head("").content == .json)
  }
}
