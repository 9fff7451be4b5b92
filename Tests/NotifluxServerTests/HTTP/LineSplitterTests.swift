import NIOCore
import Testing

@testable import NotifluxServer

@Suite struct LineSplitterTests {
  private func split(_ text: String, pieces size: Int, limit: Int = 10) -> [String] {
    var splitter = LineSplitter(limit: limit)
    var lines: [String] = []
    func take() {
      while let line = splitter.next() {
        switch line {
        case .complete(let bytes): lines.append(String(buffer: bytes))
        case .tooLong: lines.append("TOO LONG")
        }
      }
    }
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      rest.prefix(size).withUnsafeBytes { splitter.feed($0) }
      rest = rest.dropFirst(size)
      take()
    }
    splitter.end()
    take()
    return lines
  }

  @Test("lines come out the same however the body is cut", arguments: [1, 2, 3, 7, 1000])
  func cuts(pieces: Int) {
    #expect(split("a\nbb\r\n\n \t\nccc", pieces: pieces) == ["a", "bb", "ccc"])
    #expect(split("1234567890\nx\n", pieces: pieces) == ["1234567890", "x"])
    #expect(split("12345678901\nx", pieces: pieces) == ["TOO LONG", "x"])
    #expect(split("x\n" + String(repeating: "y", count: 100) + "\nz\n", pieces: pieces) == ["x", "TOO LONG", "z"])
    #expect(split(String(repeating: "y", count: 100), pieces: pieces) == ["TOO LONG"])
    #expect(split("", pieces: pieces) == [])
  }
}
