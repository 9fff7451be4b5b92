import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxWebSocket

@Suite struct FrameDecoderTests {
  private let limit = 100_000

  /// Feeds `bytes` in pieces of `size` and returns every event, or the failure.
  private func decode(
    _ bytes: [UInt8], role: FrameDecoder.Role = .client, pieces size: Int = .max
  ) throws(WebSocketFailure) -> [WebSocketEvent] {
    var decoder = FrameDecoder(role: role, maximumMessageLength: limit)
    var events: [WebSocketEvent] = []
    var start = 0
    while start < bytes.count {
      let end = size < bytes.count - start ? start + size : bytes.count
      decoder.feed(ByteBuffer(bytes: bytes[start..<end]))
      while let event = try decoder.next() { events.append(event) }
      start = end
    }
    return events
  }

  private func bytes(_ frame: ByteBuffer) -> [UInt8] { Array(frame.readableBytesView) }

  private func failure(_ bytes: [UInt8], role: FrameDecoder.Role = .client) throws -> WebSocketFailure {
    try #require(throws: WebSocketFailure.self) { try decode(bytes, role: role) }
  }

  @Test("the examples of RFC 6455 §5.7 mean what it says")
  func rfcExamples() throws {
    let hello = WebSocketEvent.text(ByteBuffer(string: "Hello"))
    #expect(try decode([0x81, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == [hello])
    let masked: [UInt8] = [0x81, 0x85, 0x37, 0xFA, 0x21, 0x3D, 0x7F, 0x9F, 0x4D, 0x51, 0x58]
    #expect(try decode(masked, role: .server) == [hello])
    #expect(try decode([0x01, 0x03, 0x48, 0x65, 0x6C, 0x80, 0x02, 0x6C, 0x6F]) == [hello])
    #expect(
      try decode([0x89, 0x05, 0x48, 0x65, 0x6C, 0x6C, 0x6F]) == [.ping(ByteBuffer(string: "Hello"))])
  }

  @Test(
    "what the encoder makes the decoder reads, at every length form and however it is cut",
    arguments: [1, 2, 3, 7, 1024, Int.max])
  func roundTrip(pieces: Int) throws {
    for length in [0, 1, 5, 125, 126, 127, 65535, 65536, 70000] {
      let text = String(repeating: "ä", count: length / 2) + (length % 2 == 1 ? "x" : "")
      let expected = [WebSocketEvent.text(ByteBuffer(string: text))]
      #expect(try decode(bytes(FrameEncoder.text(text)), pieces: pieces) == expected)
      let masked = bytes(FrameEncoder.maskedText(text))
      #expect(try decode(masked, role: .server, pieces: pieces) == expected)
    }
  }

  @Test("control frames come through between fragments")
  func interleaved() throws {
    let input: [UInt8] = [0x01, 0x01, 0x61, 0x89, 0x01, 0x70, 0x00, 0x01, 0x62, 0x8A, 0x00, 0x80, 0x01, 0x63]
    for pieces in 1...input.count {
      #expect(
        try decode(input, pieces: pieces) == [
          .ping(ByteBuffer(string: "p")), .pong(ByteBuffer()), .text(ByteBuffer(string: "abc")),
        ])
    }
  }

  @Test(
    "what breaks the framing rules is 1002",
    arguments: [
      [0xC1, 0x00], [0xA1, 0x00], [0x91, 0x00],  // reserved bits
      [0x83, 0x00], [0x87, 0x00], [0x8B, 0x00], [0x8F, 0x00],  // reserved opcodes
      [0x09, 0x00], [0x89, 0x7E, 0x00, 0x7E],  // a fragmented ping, a long one
      [0x80, 0x00], [0x00, 0x01, 0x61],  // a continuation of nothing
      [0x01, 0x01, 0x61, 0x81, 0x01, 0x62],  // a message inside a message
      [0x82, 0x7E, 0x00, 0x7D], [0x82, 0x7F, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],  // lengths that are not minimal
      [0x82, 0x7F, 0x80, 0, 0, 0, 0, 0, 0, 0],  // the highest bit of a length
      [0x81, 0x80, 0, 0, 0, 0],  // masked by a server
      [0x88, 0x01, 0x03], [0x88, 0x02, 0x03, 0xED], [0x88, 0x02, 0x03, 0xE7], [0x88, 0x02, 0x13, 0x88],  // close codes
    ] as [[UInt8]])
  func protocolErrors(_ input: [UInt8]) throws {
    #expect(try failure(input).code == .protocolError)
  }

  @Test("a client's frame must be masked")
  func unmasked() throws {
    #expect(try failure([0x81, 0x01, 0x61], role: .server).code == .protocolError)
  }

  @Test("a message over the limit is 1009, whether in one frame or in many, before its payload has come")
  func tooLarge() throws {
    #expect(try failure([0x82, 0x7F, 0, 0, 0, 0, 0, 1, 0x86, 0xA1]).code == .tooLarge)
    let half: [UInt8] = [0x7E, 0xC3, 0x50] + [UInt8](repeating: 0x61, count: 50000)
    #expect(try decode([0x02] + half + [0x80] + half).count == 1)
    #expect(try failure([0x02] + half + [0x00] + half + [0x80, 0x01]).code == .tooLarge)
  }

  @Test("bad UTF-8 is 1007 as soon as it is seen, even before the frame is complete")
  func invalidText() throws {
    #expect(try failure([0x81, 0x02, 0xC3, 0x28]).code == .invalidPayload)
    #expect(try failure([0x81, 0x7D, 0xFF]).code == .invalidPayload)
    #expect(try failure([0x01, 0x01, 0xC3, 0x80, 0x00]).code == .invalidPayload)
    #expect(try failure([0x88, 0x03, 0x03, 0xE8, 0xFF]).code == .invalidPayload)
    #expect(try decode([0x01, 0x01, 0xC3, 0x80, 0x01, 0xA4]) == [.text(ByteBuffer(string: "ä"))])
  }

  @Test("a close frame gives its code and reason, or neither")
  func close() throws {
    #expect(try decode([0x88, 0x00]) == [.close(code: nil, reason: "")])
    let frame = FrameEncoder.close(role: .server, code: .tryAgainLater, reason: "slow consumer")
    #expect(try decode(bytes(frame)) == [.close(code: .tryAgainLater, reason: "slow consumer")])
  }

  @Test("a long close reason is cut at the end of a scalar")
  func cutReason() throws {
    let frame = FrameEncoder.close(role: .server, code: .goingAway, reason: String(repeating: "é", count: 100))
    #expect(try decode(bytes(frame)) == [.close(code: .goingAway, reason: String(repeating: "é", count: 61))])
  }

  @Test("any bytes give events or a failure, never a trap")
  func randomBytes() {
    var random = SeededGenerator(seed: 6455)
    for _ in 0..<5000 {
      let length = Int.random(in: 1...40, using: &random)
      var input = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      if Bool.random(using: &random) { input[0] = [0x81, 0x82, 0x01, 0x80, 0x88, 0x89].randomElement(using: &random)! }
      let whole = Result { () throws(WebSocketFailure) in try decode(input, role: .server) }
      let cut = Result { () throws(WebSocketFailure) in try decode(input, role: .server, pieces: 1) }
      switch (whole, cut) {
      case (.success(let whole), .success(let cut)): #expect(whole == cut)
      case (.failure(let whole), .failure(let cut)): #expect(whole == cut)
      default: Issue.record("\(input) depends on how it is cut")
      }
    }
  }
}

/// xorshift64*: the same numbers at every run.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return state &* 0x2545_F491_4F6C_DD1D
  }
}
