import NIOCore

/// Cuts a body that arrives in pieces into lines. Pure; holds at most one line's limit and what was last fed.
struct LineSplitter {
  enum Line: Equatable {
    /// Without its line feed, nor a carriage return before that.
    case complete(ByteBuffer)
    /// Over the limit; its rest is skipped.
    case tooLong
  }

  private let limit: Int
  private var buffer = ByteBuffer()
  /// Those before it are known to hold no line feed.
  private var searched = 0
  private var isSkipping = false
  private var isEnded = false

  /// Bytes of a line that is not complete.
  var heldBytes: Int { buffer.readableBytes }

  /// `limit` in bytes.
  init(limit: Int) { self.limit = limit }

  mutating func feed(_ bytes: UnsafeRawBufferPointer) {
    buffer.discardReadBytes()
    buffer.writeBytes(bytes)
  }

  /// What has no line feed by now is the last line.
  mutating func end() { isEnded = true }

  /// The next line that is not blank; `nil` when more must be fed, or nothing is left.
  mutating func next() -> Line? {
    while true {
      let view = buffer.readableBytesView
      let start = view.startIndex + searched
      if let feed = view[start...].firstIndex(of: UInt8(ascii: "\n")) {
        let length = feed - view.startIndex
        let line = buffer.readSlice(length: length)
        buffer.moveReaderIndex(forwardBy: 1)
        searched = 0
        if let line = finish(line ?? ByteBuffer()) { return line }
      } else if isEnded {
        let rest = buffer
        (buffer, searched) = (ByteBuffer(), 0)
        return rest.readableBytes == 0 && !isSkipping ? nil : finish(rest)
      } else {
        if buffer.readableBytes == 0 { buffer = ByteBuffer() }
        searched = buffer.readableBytes
        guard searched > limit else { return nil }
        (buffer, searched) = (ByteBuffer(), 0)
        guard !isSkipping else { return nil }
        isSkipping = true
        return .tooLong
      }
    }
  }

  /// `nil` for a blank line, and for the rest of one that was reported already.
  private mutating func finish(_ line: ByteBuffer) -> Line? {
    guard !isSkipping else {
      isSkipping = false
      return nil
    }
    guard line.readableBytes <= limit else { return .tooLong }
    var line = line
    if line.readableBytesView.last == UInt8(ascii: "\r") { line.moveWriterIndex(to: line.writerIndex - 1) }
    let isBlank = line.readableBytesView.allSatisfy { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
    return isBlank ? nil : .complete(line)
  }
}
