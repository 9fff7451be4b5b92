import NIOCore

@testable import NotifluxServer

/// The lines of a batch. The first byte is the limit of a line, the second says how the rest is cut.
enum Lines: FuzzTarget {
  static let name = "lines"

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let limit = Int(choices.byte())
    let seed = choices.byte()
    let expected = expected(choices.rest, limit)
    for pieces in cuts(of: choices.rest, seed: seed) {
      require(split(pieces, limit) == expected, "the lines are these, however the bytes come")
    }
  }

  private static func split(_ pieces: [ArraySlice<UInt8>], _ limit: Int) -> [LineSplitter.Line] {
    var lines: [LineSplitter.Line] = []
    var splitter = LineSplitter(limit: limit)
    for piece in pieces {
      piece.withUnsafeBytes { splitter.feed($0) }
      while let line = splitter.next() { lines.append(line) }
    }
    splitter.end()
    while let line = splitter.next() { lines.append(line) }
    return lines
  }

  private static func expected(_ bytes: ArraySlice<UInt8>, _ limit: Int) -> [LineSplitter.Line] {
    bytes.split(separator: UInt8(ascii: "\n")).compactMap { line in
      guard line.count <= limit else { return .tooLong }
      let text = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
      let isBlank = text.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      return isBlank ? nil : .complete(ByteBuffer(bytes: text))
    }
  }
}
