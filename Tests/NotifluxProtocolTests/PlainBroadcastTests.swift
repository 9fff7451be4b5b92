import Testing

@testable import NotifluxProtocol

/// A plain body against the reader of any body.
@Suite struct PlainBroadcastTests {
  /// What it comes to; `nil` for what is not plain, or has a part that is no text or no topic.
  private func request(_ body: UnsafeRawBufferPointer) -> BroadcastRequest? {
    guard let plain = PlainBroadcast(body), let message = plain.text, let topic = text(plain.topic) else { return nil }
    guard let topic = try? Topic(topic) else { return nil }
    guard let bytes = plain.token else { return BroadcastRequest(topics: [topic], message: message) }
    return text(bytes).map { BroadcastRequest(topics: [topic], message: message, token: $0) }
  }

  private func text(_ bytes: UnsafeRawBufferPointer) -> String? { String(validating: bytes, as: UTF8.self) }

  /// Followed by bytes that would make any string go on, if anybody looked.
  private func request(_ body: [UInt8]) -> BroadcastRequest? {
    (body + Array(repeating: 0x61, count: 16)).withUnsafeBytes { bytes in
      request(UnsafeRawBufferPointer(rebasing: bytes[..<body.count]))
    }
  }

  private func request(_ body: String) -> BroadcastRequest? { request(Array(body.utf8)) }

  private func whole(_ body: [UInt8]) -> BroadcastRequest? {
    body.withUnsafeBytes { try? BroadcastRequest(json: $0) }
  }

  @Test(
    "a common body is plain, whatever its order and its white space",
    arguments: [
      #"{"topic":"t","message":"m","token":"x"}"#, #"{"token":"x","message":"m","topic":"t"}"#,
      " { \"topic\" :\t\"t\" , \"message\" : \"m\",\r\n\"token\":\"x\" } \n",
    ])
  func common(_ body: String) throws {
    #expect(try request(body) == BroadcastRequest(topics: [Topic("t")], message: "m", token: "x"))
  }

  @Test("it may be without a token; a message of any length, in any script, empty too, is plain")
  func messages() throws {
    for filler in ["a", "é", "🚪", "\u{7F}"] {
      for length in 0..<40 {
        let message = String(repeating: filler, count: length)
        let expected = BroadcastRequest(topics: [try Topic("t")], message: message)
        #expect(request(#"{"topic":"t","message":"\#(message)"}"#) == expected)
        #expect(request(#"{"message":"\#(message)","topic":"t"}"#) == expected)
      }
    }
  }

  @Test(
    "what is not plain, or not right, is left to the reader of any body",
    arguments: [
      "", "{}", "{\"\"}", #"{"topic":"t"}"#, #"{"message":"m"}"#, #"{"topic":"t","message":"m\n"}"#,
      #"{"topic":"t","message":"m","id":"1"}"#, #"{"topics":["t"],"message":"m"}"#, #"{"topic":"t","message":1}"#,
      #"{"topic":"t","message":"m","topic":"t"}"#, #"{"topic":"t","message":"m","message":"m"}"#,
      #"{"topic":"t","message":"m","token":"a","token":"a"}"#, #"{"topic":"t","message":"m",}"#,
      #"{"topic":"t","message":"m"}}"#, #"{"topic":"t","message":"m"} x"#, #"{"topic":"t""message":"m"}"#,
      #"{"topic":"t","message":"m""#, #"{"topic":"t","message":"m"#, #"{"topic" "t","message":"m"}"#,
      #"["topic","t","message","m"]"#, "\u{FEFF}{\"topic\":\"t\",\"message\":\"m\"}",
      "{\"topic\":\"t\",\"message\":\"a\nb\"}", #"{"topic":"t","message":"m","unknown":"x"}"#,
      #"{"topic":"t","mess\u0061ge":"m"}"#, #"{"topic":"t","message\u0000":"m"}"#, #"{"topic":"t","messages":"m"}"#,
    ])
  func others(_ body: String) { #expect(request(body) == nil) }

  @Test("bytes that are not UTF-8 are no message")
  func broken() {
    for bad in [[0xFF], [0xC3], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]] {
      let body = Array(#"{"topic":"t","message":"a"#.utf8) + bad + Array(#"b"}"#.utf8)
      #expect(request(body) == nil && whole(body) == nil)
    }
  }

  @Test("what is read means what the reader of any body says, with every byte replaced and at every length")
  func mutations() {
    let body = Array(#"{"topic":"té","message":"mess","token":"a.b"} "#.utf8)
    var count = 0
    for index in body.indices {
      for byte in UInt8.min...UInt8.max {
        var body = body
        body[index] = byte
        if let request = request(body) {
          count += 1
          #expect(request == whole(body), "\(body)")
        }
      }
      #expect(request(Array(body[..<index])) == nil || index == body.count - 1)
    }
    #expect(count > 800)
  }
}
