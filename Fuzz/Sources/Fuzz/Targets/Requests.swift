import NotifluxProtocol

@testable import NotifluxServer

/// HTTP requests, one after the other. The first byte says how the rest is cut.
enum Requests: FuzzTarget {
  static let name = "requests"

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let seed = choices.byte()
    // A line end, so that what is wrong in an incomplete line is seen however the bytes are cut.
    let bytes = choices.rest + [Octet.lineFeed]
    let transcripts = cuts(of: bytes, seed: seed).map { Transcript($0) }
    for transcript in transcripts {
      require(transcript.lines == transcripts[0].lines, "the same, however the bytes come: \(transcripts)")
    }
    checkSearches(Array(bytes))
  }

  /// What the decoder makes of some bytes, as lines to compare.
  private struct Transcript {
    private(set) var lines: [String] = []
    private var head: RequestHead?
    private var body: [UInt8] = []

    init(_ pieces: [ArraySlice<UInt8>]) {
      var decoder = RequestDecoder()
      for piece in pieces {
        let result = Array(piece).withUnsafeBytes { bytes in
          Result { () throws(RequestError) in
            var input = bytes
            while let event = try decoder.next(&input) { take(event, of: decoder) }
            require(input.isEmpty, "all that is fed is taken")
          }
        }
        guard case .failure(let error) = result else { continue }
        if case .malformed(let reason) = error { require(isOneLine(reason), "a reason is one line") }
        lines.append("\(error)")
        return
      }
      // The bytes of an unfinished body have come in any case.
      if head != nil { lines.append("\(body)") }
    }

    private mutating func take(_ event: RequestDecoder.Event, of decoder: RequestDecoder) {
      switch event {
      case .head:
        require(self.head == nil, "a request ends before the next one begins")
        guard let head = decoder.head else { return require(false, "a head is there when it is told of") }
        check(head)
        self.head = head
        lines.append(describe(head))
      case .body(let bytes): body += bytes
      case .end(let bytes):
        body += bytes
        if case .length(let length)? = head?.framing { require(body.count == length, "a body is as long as announced") }
        require(head != nil, "a body has a head")
        lines.append("\(body)")
        (head, body) = (nil, [])
      }
    }
  }

  private static func describe(_ head: RequestHead) -> String {
    let fields = [head.contentType, head.authorization, head.expectation].map { $0.map(Array.init) }
    let route = Result { () throws(HTTPFailure) in try Site.clients.route(for: head) }
    let events = Result { () throws(Refusal) in try EventsRequest(head) }
    return """
      \(head.method) \(Array(head.target)) \(head.minorVersion) \(head.framing) \(head.isKeepAlive) \(head.hasHost) \
      \(fields) \(Array(head.path)) \(Array(head.query)) \(head.bearerToken ?? "-") \(head.origin ?? "-") \(head.content) \
      \(route) \(events) \(head.list("connection").map(Array.init))
      """
  }

  /// No two parsers can read the same head differently (RFC 9112 §11.2).
  private static func check(_ head: RequestHead) {
    let lengths = head.all("content-length")
    let encodings = head.all("transfer-encoding")
    switch head.framing {
    case .chunked:
      require(lengths.isEmpty && encodings.count == 1 && head.minorVersion == 1, "chunked is said once, by HTTP/1.1")
    case .length(let length):
      require(encodings.isEmpty && lengths.count <= 1, "there is one length")
      let digits = lengths.first.map { String(decoding: $0, as: UTF8.self) }
      require(digits.map { Int($0) == length && !$0.hasPrefix("+") } ?? (length == 0), "it is the one that was sent")
    }
    require(head.all("host").count == (head.hasHost ? 1 : 0), "there is one Host field, or none")
    require(head.target.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "a target is visible ASCII")
    for name in ["host", "content-type", "authorization", "connection", "accept", "x"] as [StaticString] {
      for value in head.all(name) {
        require(value.allSatisfy(Octet.isValue), "no value holds a control character")
        require(
          value.first.map(Octet.isBlank) != true && value.last.map(Octet.isBlank) != true, "nor a blank at an end")
      }
    }
    require(head.contentType == head.first("content-type"), "a field is found in both ways")
    require(head.authorization == head.first("authorization"), "a field is found in both ways")
    require(head.expectation == head.first("expect"), "a field is found in both ways")
  }

  /// The searches that look at eight bytes at a time find what one at a time finds.
  private static func checkSearches(_ bytes: [UInt8]) {
    bytes.withUnsafeBufferPointer { bytes in
      for start in 0..<min(bytes.count, 17) {
        let value = bytes[start...].firstIndex { !Octet.isValue($0) } ?? bytes.count
        require(bytes.endOfValue(from: start) == value, "the end of a value")
        let token = bytes[start...].firstIndex { !Octet.isToken($0) } ?? bytes.count
        require(bytes.endOfToken(from: start) == token, "the end of a token")
      }
    }
  }
}
