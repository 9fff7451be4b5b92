import Testing

@testable import NotifluxServer

@Suite struct OctetsTests {
  @Test("the bytes of tokens and of values are those of RFC 9110, wherever eight of them begin")
  func classes() {
    let tokens = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ".utf8)
    for byte in UInt8.min...UInt8.max {
      let isValue = byte == 9 || byte >= 32 && byte != 127
      for (count, position) in [(1, 0), (8, 0), (8, 7), (9, 8), (16, 9), (17, 3), (24, 23)] {
        var bytes = [UInt8](repeating: UInt8(ascii: "z"), count: count)
        bytes[position] = byte
        // Bytes that leave the most to carry into their neighbours.
        if position > 0 { bytes[position - 1] = 0xFF }
        bytes.withUnsafeBufferPointer { bytes in
          #expect(bytes.endOfValue(from: 0) == (isValue ? count : position))
          #expect(bytes.endOfToken(from: position) == (tokens.contains(byte) ? count : position))
        }
      }
    }
  }

  @Test("names are compared but for the case of letters")
  func comparison() {
    let name = "sec-websocket-key-09+/"
    for length in 1...22 {
      let text = Array(name.utf8.prefix(length))
      for index in 0..<length {
        for byte in UInt8(0x20)...0xFF {
          var other = text
          other[index] = byte
          let isSame = Character(UnicodeScalar(byte)).lowercased() == Character(UnicodeScalar(text[index])).lowercased()
          other.withUnsafeBufferPointer { other in
            #expect(other.hasSame(text) == isSame, "\(byte) at \(index) of \(length)")
          }
        }
      }
    }
  }
}

extension Bytes {
  /// The length decides which of the names this is compared with.
  fileprivate func hasSame(_ text: [UInt8]) -> Bool {
    let names: [StaticString] = [
      "s", "se", "sec", "sec-", "sec-w", "sec-we", "sec-web", "sec-webs", "sec-webso", "sec-websoc", "sec-websock",
      "sec-websocke", "sec-websocket", "sec-websocket-", "sec-websocket-k", "sec-websocket-ke", "sec-websocket-key",
      "sec-websocket-key-", "sec-websocket-key-0", "sec-websocket-key-09", "sec-websocket-key-09+",
      "sec-websocket-key-09+/",
    ]
    return hasBytesIgnoringCase(names[text.count - 1])
  }
}
