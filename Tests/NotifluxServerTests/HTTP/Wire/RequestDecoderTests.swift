import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct RequestDecoderTests {
  private static let valid: [(text: String, transcript: [String])] = [
    ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", ["GET / 1.1"]),
    ("GET / HTTP/1.0\r\n\r\n", ["GET / 1.0"]),
    ("\r\nPOST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", ["POST /b 1.1 [hello]"]),
    (
      "POST /b HTTP/1.1\r\ncontent-LENGTH:\t3 \r\n\r\nabcHEAD /h HTTP/1.1\r\n\r\n",
      ["POST /b 1.1 [abc]", "HEAD /h 1.1"]
    ),
    (
      "POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0A;name=\"v w\"\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
      ["POST /b 1.1 [abc0123456789]", "GET / 1.1"]
    ),
    (
      "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\nx\r\n000;a\r\nX-Sum: 1\r\nEmpty:\r\n\r\n\r\nOPTIONS * HTTP/1.1\r\n\r\n",
      ["POST / 1.1 [x]", "OPTIONS * 1.1"]
    ),
    ("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\nPURGE /x HTTP/1.1\r\n\r\n", ["POST / 1.1", " /x 1.1"]),
    (
      "GET /a?b=%20&c=~!*'();:@ HTTP/1.1\r\nX: \u{E9}\tz\r\nY:\r\n!#$%&'*+-.^_`|~0: 1\r\n\r\n",
      ["GET /a?b=%20&c=~!*'();:@ 1.1"]
    ),
    ("GET / HTTP/1.1\r\nHost: x\r\n", ["incomplete"]),
    ("POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabc", ["POST / 1.1", "incomplete"]),
    ("GET / HTTP/1.1\r\n\r\n\r\n", ["GET / 1.1", "incomplete"]),
  ]

  @Test("requests come out in their order, with their bodies", arguments: valid)
  func reads(text: String, transcript: [String]) {
    #expect(WireTranscript(text).lines == transcript)
  }

  /// Each could be read in another way by whoever stands in front of us, and then hides the second request.
  private static let ambiguous: [String] = [
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
    "Content-Length: 2\r\nContent-Length: 3\r\n", "Content-Length: 2\r\nContent-Length: 2\r\n",
    "Content-Length: 2, 2\r\n", "Content-Length: +2\r\n", "Content-Length: -2\r\n", "Content-Length: 2 2\r\n",
    "Content-Length: 0x2\r\n", "Content-Length: \r\n", "Content-Length: 2;\r\n", "Content-Length: ２\r\n",
    "Content-Length: 18446744073709551618\r\n", "Content-Length: 0000000000000000002\r\n",
    "Content-Length : 2\r\n", "Content-Length\t: 2\r\n", " Content-Length: 2\r\n", "X: 1\r\n Content-Length: 2\r\n",
    "X: 1\r\n\tb\r\n", "Content-Length\u{0}: 2\r\n", "Content-Length: 2\u{0}\r\n", "Content-Length: 2\u{B}\r\n",
    "Content_Length(): 2\r\n", ": 2\r\n", "Content-Length\r\n", "Cönt: 2\r\n", "X: a\u{7F}b\r\n", "X: a\u{0}b\r\n",
    "X: a\rContent-Length: 2\r\n", "X: a\r\r\n", "X: a\nContent-Length: 2\r\n", "X: a\n\r\n",
    "Transfer-Encoding: identity\r\n", "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: chunked;q=1\r\n", "Transfer-Encoding: \"chunked\"\r\n", "Transfer-Encoding:\r\n",
    "Transfer-Encoding: \u{B}chunked\r\n", "Transfer-Encoding : chunked\r\n", "Transfer-Encoding: chunke\u{212A}\r\n",
    "Host: y\r\n", "X Y: 1\r\n", "X@: 1\r\n",
  ]

  @Test("framing that has two readings is refused, and what hides behind it is not taken", arguments: ambiguous)
  func refuses(fields: String) {
    let request = "POST /front HTTP/1.1\r\nHost: x\r\n\(fields)\r\n"
    for body in ["", "{}", "0\r\n\r\n"] {
      let transcript = WireTranscript(request + body + "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(transcript.isRefused && transcript.requests.isEmpty, "\(transcript)")
    }
  }

  private static let badChunks: [String] = [
    "\r\n", "x\r\n", "-1\r\n", "+1\r\nx\r\n", "0x1\r\nx\r\n", " 1\r\nx\r\n", "1 \r\nx\r\n", "1\t;a\r\nx\r\n", ";\r\n",
    "1\nx\r\n", "1\r\nx\n", "1\r\nx\r", "1\r\nxy\r\n", "2\r\nx\r\n", "1\rx\r\n", "1;a\nx\r\n", "1;a\rb\r\nx\r\n",
    "1;a\u{0}\r\nx\r\n", "1\r\nx0\r\n\r\n", "1\r\nx\r\n0\r\nX\n\r\n", "0\r\nX Y: 1\r\n\r\n", "0\r\n: 1\r\n\r\n",
    "0\r\nX: 1\n\r\n", "0\r\nX: \u{0}\r\n\r\n", "0\r\n X: 1\r\n\r\n", "0\r\n\rX", "0\n\r\n",
    "10000000000000000\r\n", "0000000000000000000000000001\r\nx\r\n", "FFFFFFFFFFFFFFFF\r\nx",
    "1;\(String(repeating: "e", count: 40000))\r\nx\r\n", "0\r\nX: \(String(repeating: "t", count: 40000))\r\n\r\n",
    String(repeating: "1;\(String(repeating: "e", count: 400))\r\nx\r\n", count: 100),
  ]

  @Test("a chunk that is not framed exactly is refused, and what hides behind it is not taken", arguments: badChunks)
  func refusesChunks(body: String) {
    let request = "POST /front HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    // Behind one of these a lenient reader finds the end of the body, and then the next request.
    for end in ["", "\r\n", "0\r\n\r\n", "\r\n0\r\n\r\n"] {
      let transcript = WireTranscript(request + body + end + "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")
      #expect(transcript.isRefused, "\(transcript)")
      #expect(transcript.requests == ["POST /front 1.1"])
    }
  }

  private static let badLines: [String] = [
    "nonsense", "GET", "GET /", "GET / ", "GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1",
    "GET\t/ HTTP/1.1", "GET /\tHTTP/1.1", "GET /a b HTTP/1.1", "GET / HTTP/1.2", "GET / HTTP/2.0", "GET / HTTP/1.11",
    "GET / HTTP/01.1", "GET / http/1.1", "GET / HTTP/1,1", "GET / XTTP/1.1", "GET /", "GE(T / HTTP/1.1",
    "G\u{E9}T / HTTP/1.1",
    "GET /\u{E9} HTTP/1.1", "GET /\u{0} HTTP/1.1", "GET /\u{7F} HTTP/1.1", "GET /\u{1} HTTP/1.1", "/ HTTP/1.1",
    " / HTTP/1.1", "\u{16}\u{3}\u{1}", "GET / HTTP/1.1\r", "GET / HTTP/1.1\u{B}", "\r\n\r\nGET / HTTP/1.1",
    "\nGET / HTTP/1.1",
    "GET / HTTP/1.1\nHost: y",
  ]

  @Test("a request line that is not exactly METHOD TARGET HTTP/1.x is refused", arguments: badLines)
  func refusesLines(line: String) {
    let transcript = WireTranscript("\(line)\r\nHost: x\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n")
    #expect(transcript.isRefused && transcript.requests.isEmpty, "\(transcript)")
  }

  @Test("a head may have 32 KiB, the empty line before it not counted, and not a byte more")
  func limit() {
    let start = "GET / HTTP/1.1\r\nX: "
    let room = Limits.requestHead - start.utf8.count - 4
    for before in ["", "\r\n"] {
      for pieces in [[], Array(repeating: 1000, count: 40)] {
        let fits = before + start + String(repeating: "x", count: room) + "\r\n\r\n"
        #expect(WireTranscript(fits, pieces: pieces).lines == ["GET / 1.1"])
        let tooLong = before + start + String(repeating: "x", count: room + 1) + "\r\n\r\n"
        #expect(WireTranscript(tooLong, pieces: pieces).lines == ["refused: too large"])
      }
    }
    let lines = "GET / HTTP/1.1\r\n" + String(repeating: "a:\r\n", count: 9000)
    #expect(WireTranscript(lines).lines == ["refused: too large"])
    let endless = String(repeating: "x", count: Limits.requestHead + 1)
    #expect(WireTranscript(endless, pieces: Array(repeating: 999, count: 40)).lines == ["refused: line too long"])
  }

  @Test("however the bytes are cut, the same comes out")
  func splits() {
    var random = SeededGenerator(seed: 4)
    let bodies =
      Self.valid.map(\.text) + Self.badLines.map { "\($0)\r\nHost: x\r\n\r\n" }
      + Self.ambiguous.map { "POST / HTTP/1.1\r\nHost: x\r\n\($0)\r\n{}" }
      + Self.badChunks.map { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\($0)\r\n" }
    for text in bodies where text.utf8.count < 1000 {
      let bytes = Array((Self.valid[3].text + text).utf8)
      let whole = WireTranscript(bytes)
      #expect(WireTranscript(bytes, pieces: bytes.map { _ in 1 }) == whole)
      for _ in 0..<20 {
        let sizes = (0..<bytes.count).map { _ in Int.random(in: 1...9, using: &random) }
        #expect(WireTranscript(bytes, pieces: sizes) == whole)
      }
      for cut in 1..<bytes.count { #expect(WireTranscript(bytes, pieces: [cut]) == whole) }
    }
  }

  @Test("bytes that are no request, and requests with a byte changed, are read without a trap")
  func mutations() {
    var random = SeededGenerator(seed: 7)
    for round in 0..<20_000 {
      var bytes = Array(Self.valid[round % Self.valid.count].text.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let cut = Int.random(in: 1..<bytes.count, using: &random)
      #expect(WireTranscript(bytes, pieces: [cut]).requests == WireTranscript(bytes).requests)
    }
  }

  /// Feeds `text`; returns of each head whether it was new.
  @discardableResult
  private func feed(_ text: String, to decoder: inout RequestDecoder) throws -> [Bool] {
    try Array(text.utf8).withUnsafeBytes { bytes in
      var (input, heads) = (bytes, [Bool]())
      while let event = try decoder.next(&input) {
        if case .head(let isNew) = event { heads.append(isNew) }
      }
      return heads
    }
  }

  @Test("a head is known again when it is the same byte for byte and whole, whatever came before in the connection")
  func sameHead() throws {
    var decoder = RequestDecoder()
    let head = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    #expect(try feed(head + "a" + head + "b", to: &decoder) == [true, false])
    #expect(try feed(head + "c", to: &decoder) == [false])
    for index in head.indices where head[index] != "\r\n" && head[index] != " " {
      var other = head
      other.replaceSubrange(index...index, with: head[index] == "1" ? "0" : "1")
      if let heads = try? feed(other, to: &decoder) { #expect(heads == [true], "\(other)") }
      decoder = RequestDecoder()
      try feed(head + "a", to: &decoder)
    }
    #expect(try feed(String(head.prefix(30)), to: &decoder) == [])
    #expect(try feed(String(head.dropFirst(30)) + "a", to: &decoder) == [true])
    #expect(try feed("\r\n" + head + "a" + head + "a", to: &decoder) == [true, false])
  }

  @Test("a head of up to 1 KiB is kept between two requests, a longer one is not")
  func longHead() throws {
    for (size, isKept) in [(Limits.rememberedHead, true), (Limits.rememberedHead + 1, false)] {
      let start = "GET / HTTP/1.1\r\nHost: x\r\nA: "
      let head = start + String(repeating: "a", count: size - start.utf8.count - 4) + "\r\n\r\n"
      var decoder = RequestDecoder()
      try feed(head, to: &decoder)
      #expect(decoder.head?.size == size)
      decoder.forgetLongHead()
      #expect((decoder.head != nil) == isKept)
      #expect(try feed(head, to: &decoder) == [!isKept])
    }
  }

  @Test("between two requests none is under way")
  func betweenRequests() throws {
    var decoder = RequestDecoder()
    #expect(decoder.isBetweenRequests)
    try feed("GET / HT", to: &decoder)
    #expect(!decoder.isBetweenRequests)
    try feed("TP/1.1\r\nContent-Length: 1\r\n\r\n", to: &decoder)
    #expect(!decoder.isBetweenRequests)
    try feed("x", to: &decoder)
    #expect(decoder.isBetweenRequests)
  }
}
