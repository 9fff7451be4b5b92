import Testing

@testable import notiflux

@Suite("The scan of frames")
struct FrameScannerTests {
  private func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
    switch payload.count {
    case ...125: [first, UInt8(payload.count)] + payload
    case ...0xFFFF: [first, 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)] + payload
    default: [first, 127] + (0..<8).map { UInt8(truncatingIfNeeded: payload.count >> (56 - 8 * $0)) } + payload
    }
  }

  private func describe(_ frame: ServerFrame) -> String {
    switch frame {
    case .text(let bytes): "text \(bytes.count) \(bytes.reduce(0) { $0 &* 31 &+ Int($1) })"
    case .binary: "binary"
    case .ping(let bytes): "ping \(bytes.count)"
    case .pong: "pong"
    case .close(let code, let reason): "close \(code ?? 0) \(reason)"
    }
  }

  private func scan(_ bytes: [UInt8], by lengths: () -> Int) throws -> [String] {
    var scanner = FrameScanner(longestMessage: 100_000)
    var found: [String] = []
    var start = 0
    while start < bytes.count {
      let end = min(bytes.count, start + lengths())
      let piece = Array(bytes[start..<end])
      try piece.withUnsafeBytes { try scanner.scan($0) { found.append(describe($0)) } }
      start = end
    }
    return found
  }

  @Test("the same frames are found however their bytes come", arguments: 1...40 as ClosedRange<UInt64>)
  func pieces(seed: UInt64) throws {
    var generator = SeededGenerator(state: seed)
    var bytes: [UInt8] = []
    for _ in 0..<20 {
      let longest = [5, 130, 300, 70_000].randomElement(using: &generator) ?? 5
      let payload = (0..<Int.random(in: 0...longest, using: &generator)).map { UInt8(truncatingIfNeeded: $0) }
      switch Int.random(in: 0..<6, using: &generator) {
      case 0: bytes += frame(0x89, Array(payload.prefix(125)))
      case 1: bytes += frame(0x82, payload)
      case 2: bytes += frame(0x01, payload) + frame(0x8A, []) + frame(0x00, [1]) + frame(0x80, payload.suffix(20))
      default: bytes += frame(0x81, payload)
      }
    }
    bytes += frame(0x88, [0x03, 0xF5] + Array("slow consumer".utf8))
    let whole = try scan(bytes) { bytes.count }
    #expect(whole.last == "close 1013 slow consumer")
    #expect(try scan(bytes) { Int.random(in: 1...200, using: &generator) } == whole)
    #expect(try scan(bytes) { 7 } == whole)
  }

  @Test("fragments are joined in their order, a control frame between them comes first")
  func fragments() throws {
    var found: [String] = []
    var scanner = FrameScanner(longestMessage: 10)
    let bytes =
      frame(0x01, Array("he".utf8)) + frame(0x89, [1]) + frame(0x00, Array("l".utf8)) + frame(0x80, Array("lo".utf8))
    try bytes.withUnsafeBytes {
      try scanner.scan($0) { frame in
        if case .text(let text) = frame {
          found.append(String(decoding: text, as: UTF8.self))
        } else {
          found.append("-")
        }
      }
    }
    #expect(found == ["-", "hello"])
  }

  @Test(
    "what no server may send is a fault",
    arguments: [
      [0x81, 0x80, 0, 0, 0, 0], [0xC1, 0], [0x83, 0], [0x80, 0], [0x09, 0], [0x88, 1, 3], [0x01, 0, 0x81, 0],
      [0x81, 127, 0, 0, 0, 0, 0, 2, 0, 0], [0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255],
    ] as [[UInt8]])
  func faults(bytes: [UInt8]) {
    #expect(throws: FrameFault.self) { try scan(bytes) { bytes.count } }
  }
}
