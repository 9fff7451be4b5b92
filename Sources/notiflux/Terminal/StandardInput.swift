import Glibc

/// Why standard input could not be used as text. Lines count from 1.
enum StandardInputError: Error, Equatable, CustomStringConvertible {
  case lineTooLong(line: Int, limit: Int)
  case tooLong(limit: Int)
  case notUTF8(line: Int)
  case unreadable(code: Int32)

  var description: String {
    switch self {
    case .lineTooLong(let line, let limit): "line \(line) of the input is longer than \(limit) bytes"
    case .tooLong(let limit): "the input is longer than \(limit) bytes"
    case .notUTF8(let line): "line \(line) of the input is not valid UTF-8; convert it first, e.g. with iconv"
    case .unreadable(let code): "cannot read the input: \(errorText(code))"
    }
  }
}

/// Reads text in lines, each of bounded length, from a descriptor that it does not close.
///
/// A line is what stands before a line feed, byte for byte: a carriage return before it belongs to the line, because
/// messages are passed on unchanged (a file with DOS line ends is converted by whoever sends it). Empty lines are lines,
/// and so is a last one without a line feed. After an error the reader is at its end.
struct LineReader {
  private let descriptor: Int32
  private let maximumLength: Int
  private var buffer: [UInt8]
  /// The bytes in `buffer[start..<end]` are read but not handed out yet.
  private var start = 0
  private var end = 0
  /// Those before it are known to hold no line feed.
  private var searched = 0
  private var isAtEnd = false
  /// The number of the line handed out last; 0 at first.
  private(set) var lineNumber = 0

  /// `maximumLength` bounds a line in bytes, without its line feed.
  init(descriptor: Int32 = 0, maximumLength: Int, bufferSize: Int = 1 << 18) {
    self.descriptor = descriptor
    self.maximumLength = maximumLength
    buffer = [UInt8](repeating: 0, count: max(1, bufferSize))
  }

  /// The next line, or nil at the end of the input. Blocks until there is one.
  mutating func next() throws(StandardInputError) -> String? {
    while true {
      if let lineFeed = findLineFeed() {
        return try take(upTo: lineFeed, continuingAt: lineFeed + 1)
      }
      guard end - start <= maximumLength else {
        stop()
        throw .lineTooLong(line: lineNumber + 1, limit: maximumLength)
      }
      if isAtEnd {
        return start == end ? nil : try take(upTo: end, continuingAt: end)
      }
      try fill()
    }
  }

  private mutating func findLineFeed() -> Int? {
    let found = buffer.withUnsafeBytes { bytes -> Int? in
      guard let base = bytes.baseAddress, let match = memchr(base + searched, 0x0A, end - searched) else { return nil }
      return UnsafeRawPointer(match) - base
    }
    searched = found ?? end
    return found
  }

  private mutating func take(upTo lineEnd: Int, continuingAt next: Int) throws(StandardInputError) -> String {
    lineNumber += 1
    let line = buffer[start..<lineEnd]
    start = next
    searched = next
    guard line.count <= maximumLength else {
      stop()
      throw .lineTooLong(line: lineNumber, limit: maximumLength)
    }
    guard let text = String(validating: line, as: UTF8.self) else {
      stop()
      throw .notUTF8(line: lineNumber)
    }
    return text
  }

  private mutating func stop() {
    isAtEnd = true
    start = end
    searched = end
  }

  /// Reads more behind what there is, after making room for it.
  private mutating func fill() throws(StandardInputError) {
    if start > 0 {
      buffer.withUnsafeMutableBytes { bytes in
        guard let base = bytes.baseAddress else { return }
        memmove(base, base + start, end - start)
      }
      end -= start
      searched -= start
      start = 0
    }
    if end == buffer.count {
      buffer.append(contentsOf: repeatElement(0, count: buffer.count))
    }
    let (count, code) = buffer.withUnsafeMutableBytes { bytes in
      readSome(from: descriptor, into: UnsafeMutableRawBufferPointer(rebasing: bytes[end...]))
    }
    guard code == 0 else {
      stop()
      throw .unreadable(code: code)
    }
    isAtEnd = count == 0
    end += count
  }
}

/// All of the input as one text, every byte of it, of at most `maximumLength` bytes.
func readAllText(descriptor: Int32 = 0, maximumLength: Int) throws(StandardInputError) -> String {
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let (count, code) = chunk.withUnsafeMutableBytes { readSome(from: descriptor, into: $0) }
    guard code == 0 else { throw .unreadable(code: code) }
    guard count > 0 else { break }
    bytes += chunk[..<count]
    guard bytes.count <= maximumLength else { throw .tooLong(limit: maximumLength) }
  }
  guard let text = String(validating: bytes, as: UTF8.self) else {
    throw .notUTF8(line: firstInvalidLine(of: bytes))
  }
  return text
}

private func firstInvalidLine(of bytes: [UInt8]) -> Int {
  var number = 0
  for line in bytes.split(separator: 0x0A, omittingEmptySubsequences: false) {
    number += 1
    if String(validating: line, as: UTF8.self) == nil { return number }
  }
  return number
}

/// One read that is neither interrupted nor refused by a non-blocking descriptor: the count (0 at the end) and the
/// `errno` (0 if it went well).
func readSome(from descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer) -> (count: Int, code: Int32) {
  while true {
    let count = read(descriptor, buffer.baseAddress, buffer.count)
    if count >= 0 { return (count, 0) }
    if errno == EAGAIN {
      awaitReady(descriptor, for: POLLIN)
    } else if errno != EINTR {
      return (0, errno)
    }
  }
}
