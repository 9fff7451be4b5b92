import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxWebSocket

@Suite struct DeflateTests {
  private let limit = 100_000

  private func decode(_ frames: [UInt8], limit: Int? = nil, inflates: Bool = true) throws(WebSocketFailure)
    -> [WebSocketEvent]
  {
    var decoder = FrameDecoder(role: .client, maximumMessageLength: limit ?? self.limit, inflates: inflates)
    decoder.feed(ByteBuffer(bytes: frames))
    var events: [WebSocketEvent] = []
    while let event = try decoder.next() { events.append(event) }
    return events
  }

  private func plain(_ text: String) -> ByteBuffer { FrameEncoder.text(text) }

  private func deflated(_ text: String, _ window: DeflateWindow = .full) -> [UInt8] {
    Array(FrameEncoder.deflated(plain(text), window: window).readableBytesView)
  }

  private func failure(_ frames: [UInt8], limit: Int? = nil, inflates: Bool = true) throws -> WebSocketFailure {
    try #require(throws: WebSocketFailure.self) { try decode(frames, limit: limit, inflates: inflates) }
  }

  @Test(
    "the examples of RFC 7692 §7.2.3 mean what it says",
    arguments: [
      [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00],
      [0x41, 0x03, 0xF2, 0x48, 0xCD, 0x80, 0x04, 0xC9, 0xC9, 0x07, 0x00],
      [0xC1, 0x0B, 0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00],
      [0xC1, 0x08, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00],
      [0xC1, 0x0D, 0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00],
    ])
  func rfcExamples(frames: [UInt8]) throws {
    #expect(try decode(frames) == [.text(ByteBuffer(string: "Hello"))])
  }

  @Test("a deflated frame is read as what it was, alone or behind others", arguments: [DeflateWindow.full, .small])
  func roundTrip(window: DeflateWindow) throws {
    let texts = (0..<20).map { index in
      String(repeating: #"{"price":\#(index),"name":"ä"},"#, count: 10 + index * 150)
    }
    var all: [UInt8] = []
    for text in texts {
      let frame = deflated(text, window)
      #expect(frame[0] == 0xC1)
      #expect(frame.count < text.utf8.count / 2)
      #expect(try decode(frame) == [.text(ByteBuffer(string: text))])
      // Nothing of it depends on what was deflated before.
      #expect(frame == deflated(text, window))
      all += frame
    }
    #expect(try decode(all) == texts.map { .text(ByteBuffer(string: $0)) })
  }

  @Test("what would not shrink is sent as it is")
  func incompressible() {
    var generator = SystemRandomNumberGenerator()
    let short = "a short text of no use to deflate"
    #expect(deflated(short) == Array(plain(short).readableBytesView))
    let tooShort = String(repeating: "x", count: 63)
    #expect(deflated(tooShort) == Array(plain(tooShort).readableBytesView), "less than a packet costs anyway")
    let noise = ByteBuffer(bytes: (0..<1000).map { _ in UInt8.random(in: 0...255, using: &generator) })
    let frame = FrameEncoder.binary(noise)
    #expect(FrameEncoder.deflated(frame, window: .full) == frame)
  }

  @Test("a message may inflate to the limit and no further, however small it came")
  func bomb() throws {
    let (fits, tooLong) = (String(repeating: "0", count: limit), String(repeating: "0", count: limit + 1))
    #expect(try decode(deflated(fits)) == [.text(ByteBuffer(string: fits))])
    #expect(try failure(deflated(tooLong)) == .tooLarge(limit: limit))
    let bomb = deflated(String(repeating: "0", count: 20_000_000))
    #expect(bomb.count < limit)
    #expect(try failure(bomb) == .tooLarge(limit: limit))
  }

  @Test("however much came, a message never takes more room than twice the limit")
  func room() throws {
    let size: UInt16 = 60_000
    // One stored block (RFC 1951 §3.2.4), and what of the flush after it is sent.
    var payload = ByteBuffer(bytes: [0x00])
    payload.writeInteger(size, endianness: .little)
    payload.writeInteger(~size, endianness: .little)
    payload.writeRepeatingByte(UInt8(ascii: "x"), count: Int(size))
    payload.writeInteger(UInt8(0))
    let message = try #require(Inflater()).inflate(payload, limit: Int(size))
    #expect(message.readableBytes == Int(size))
    #expect(message.storageCapacity <= 2 * Int(size))
  }

  @Test("a refused message leaves nothing behind for the next one")
  func afterFailure() throws {
    let text = String(repeating: "x", count: 1000)
    for bad in [[0xC1, 0x02, 0xFF, 0xFF], deflated(String(repeating: "0", count: limit + 1))] as [[UInt8]] {
      _ = try failure(bad)
      #expect(try decode(deflated(text)) == [.text(ByteBuffer(string: text))])
    }
  }

  @Test("RSV1 stands where it was agreed on, on the first frame of a message, and nowhere else")
  func reservedBits() throws {
    let good: [UInt8] = [0xC1, 0x07, 0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]
    #expect(try failure(good, inflates: false).code == .protocolError)
    #expect(try failure([0x01, 0x01, 0x61, 0xC0, 0x01, 0x62]).code == .protocolError)
    #expect(try failure([0xC9, 0x00]).code == .protocolError)
    #expect(try failure([0xA1, 0x01, 0x61]).code == .protocolError)
    #expect(try failure([0x91, 0x01, 0x61]).code == .protocolError)
    #expect(try decode([0x81, 0x01, 0x61]) == [.text(ByteBuffer(string: "a"))])
  }

  @Test("what is not deflated data, or ends within a block, is refused with 1007; so is text that is not UTF-8")
  func badData() throws {
    #expect(try failure([0xC1, 0x02, 0xFF, 0xFF]) == .invalidDeflatedData)
    #expect(try failure([0xC1, 0x00]) == .invalidDeflatedData)
    #expect(try failure([0xC1, 0x04, 0xF2, 0x48, 0xCD, 0xC9]) == .invalidDeflatedData)
    // A stored block of the byte FF, as text and as binary.
    let stored: [UInt8] = [0x00, 0x01, 0x00, 0xFE, 0xFF, 0xFF, 0x00]
    #expect(try failure([0xC1, 0x07] + stored) == .invalidText)
    #expect(try decode([0xC2, 0x07] + stored) == [.binary(ByteBuffer(bytes: [0xFF]))])
  }

  private func window(_ offers: String...) -> DeflateWindow? {
    DeflateAgreement(offers: offers.map { Array($0.utf8)[...] })?.window
  }

  @Test("the first offer that can be met is taken")
  func agreement() {
    #expect(window("permessage-deflate") == .full)
    #expect(window("permessage-deflate; client_max_window_bits") == .full)
    #expect(window("permessage-deflate;client_max_window_bits=8 ; server_no_context_takeover") == .full)
    #expect(window("permessage-deflate; server_max_window_bits=15") == .full)
    #expect(window("permessage-deflate; server_max_window_bits=14") == .small)
    #expect(window("permessage-deflate; server_max_window_bits=\"9\"") == .small)
    #expect(window("permessage-deflate; server_max_window_bits=8", "permessage-deflate") == .full)
    #expect(window("permessage-deflate; server_max_window_bits=9", "permessage-deflate") == .small)
    #expect(window("permessage-deflate", "permessage-deflate; server_max_window_bits=9") == .full)
    #expect(window("x-webkit-deflate-frame", "permessage-deflate; x=1", "permessage-deflate") == .full)
  }

  @Test(
    "what RFC 7692 §7.1 has declined is declined",
    arguments: [
      "permessage-bzip2", "permessage-deflate; server_max_window_bits", "permessage-deflate; server_max_window_bits=8",
      "permessage-deflate; server_max_window_bits=16", "permessage-deflate; server_max_window_bits=010",
      "permessage-deflate; client_max_window_bits=7", "permessage-deflate; client_max_window_bits=",
      "permessage-deflate; server_no_context_takeover=1", "permessage-deflate; unknown", "permessage-deflate;",
      "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "",
    ])
  func declined(offer: String) {
    #expect(window(offer) == nil)
  }
}
