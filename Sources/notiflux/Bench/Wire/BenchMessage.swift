/// What a message of a run carries: its place in the stream of one publisher to one topic, and when it was due.
struct BenchMessage: Sendable, Equatable {
  /// Both count from 0.
  var topic: Int
  var publisher: Int
  /// From 1 on, without holes.
  var number: Int
  /// Nanoseconds on the monotonic clock of the process that sends and receives.
  var dueAt: Int
}

/// How the messages of one run are written: a mark, the run, the members as hexadecimal digits of fixed width, then filler
/// up to the size. All of it stands in JSON as it is.
struct MessageFormat: Sendable {
  static let leastSize = 48

  /// Bytes of a message, at least ``leastSize``.
  let size: Int
  /// The first 12 bytes, which tell this run's messages from all others.
  private let mark: (UInt64, UInt32)
  private let markText: [UInt8]

  /// `run` is a number that no other run has at the same time.
  init(size: Int, run: UInt32) {
    self.size = size
    var text: [UInt8] = Array("nfbm".utf8)
    text += [UInt8](repeating: 0, count: 8)
    text.withUnsafeMutableBytes { Self.write(UInt64(run), digits: 8, to: $0, at: 4) }
    markText = text
    mark = text.withUnsafeBytes { Self.mark(in: $0) }
  }

  /// A message with zeros in the places of its members, and all its filler.
  var blank: [UInt8] {
    let digits = [UInt8](repeating: UInt8(ascii: "0"), count: Self.leastSize - markText.count)
    let filler = (0..<size - Self.leastSize).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    return markText + digits + filler
  }

  /// Writes the members into a blank message at the beginning of `bytes`.
  static func write(_ message: BenchMessage, to bytes: UnsafeMutableRawBufferPointer) {
    write(UInt64(message.topic), digits: 6, to: bytes, at: 12)
    write(UInt64(message.publisher), digits: 4, to: bytes, at: 18)
    write(UInt64(message.number), digits: 10, to: bytes, at: 22)
    write(UInt64(message.dueAt), digits: 16, to: bytes, at: 32)
  }

  /// `nil` for what is no message of this run, or a damaged one.
  func read(_ bytes: UnsafeRawBufferPointer) -> BenchMessage? {
    guard bytes.count == size, Self.mark(in: bytes) == mark else { return nil }
    var isDamaged = false
    let message = BenchMessage(
      topic: Self.number(in: bytes, at: 12, digits: 6, &isDamaged),
      publisher: Self.number(in: bytes, at: 18, digits: 4, &isDamaged),
      number: Self.number(in: bytes, at: 22, digits: 10, &isDamaged),
      dueAt: Self.number(in: bytes, at: 32, digits: 16, &isDamaged))
    return isDamaged ? nil : message
  }

  @inline(__always)
  private static func mark(in bytes: UnsafeRawBufferPointer) -> (UInt64, UInt32) {
    (bytes.loadUnaligned(as: UInt64.self), bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
  }

  private static func write(_ number: UInt64, digits: Int, to bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
    var rest = number
    for index in stride(from: offset + digits - 1, through: offset, by: -1) {
      let digit = UInt8(truncatingIfNeeded: rest & 0xF)
      bytes[index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      rest >>= 4
    }
  }

  @inline(__always)
  private static func number(
    in bytes: UnsafeRawBufferPointer, at offset: Int, digits: Int, _ isDamaged: inout Bool
  ) -> Int {
    var number: UInt64 = 0
    for index in offset..<offset + digits {
      let byte = bytes[index]
      let isDigit = byte &- UInt8(ascii: "0") < 10
      let isLetter = byte &- UInt8(ascii: "a") < 6
      if !isDigit && !isLetter { isDamaged = true }
      number = number << 4 | UInt64(byte & 0xF) &+ (isLetter ? 9 : 0)
    }
    return Int(truncatingIfNeeded: number)
  }
}
