/// A place in a hub's log, written `EPOCH:SEQ`: what was delivered up to and including this sequence number.
public struct Cursor: Sendable, Hashable {
  /// Names the log the sequence number belongs to: 1 to 32 of `A–Z a–z 0–9 _ -`, new whenever the log is.
  public let epoch: String
  /// The sequence number of the last message before this place; 0 is the beginning of the log.
  public let sequence: UInt64

  package init(epoch: String, sequence: UInt64) {
    self.epoch = epoch
    self.sequence = sequence
  }

  /// Reads what ``description`` writes; throws a ``Refusal`` with ``ErrorCode/badRequest`` for any other text, a needless
  /// 0 in front of SEQ included: a gap names the cursor as it was given.
  public init(_ text: String) throws(Refusal) {
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2, (1...32).contains(parts[0].count), parts[0].allSatisfy(Self.isEpochByte),
      parts[1].allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      parts[1].count == 1 || parts[1].first != UInt8(ascii: "0"), let sequence = UInt64(Substring(parts[1]))
    else { throw Refusal(.badRequest, "a cursor looks like EPOCH:SEQ, e.g. k3J9x:42; copy it from an earlier message") }
    self.init(epoch: String(Substring(parts[0])), sequence: sequence)
  }

  private static func isEpochByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
      true
    default: false
    }
  }
}

extension Cursor: CustomStringConvertible {
  /// The text that ``init(_:)`` reads back.
  public var description: String {
    String(unsafeUninitializedCapacity: textLength) { write(to: UnsafeMutableRawBufferPointer($0)) }
  }

  /// How many bytes the text has.
  package var textLength: Int { epoch.utf8.count + 1 + decimalDigits }

  /// Puts the text at the start of `buffer`, which must have room for ``textLength``, and returns that.
  @discardableResult
  package func write(to buffer: UnsafeMutableRawBufferPointer) -> Int {
    let length = textLength
    precondition(buffer.count >= length, "no room for the text of a cursor")
    var epoch = epoch
    let colon = epoch.withUTF8 { epoch in
      buffer.copyMemory(from: UnsafeRawBufferPointer(epoch))
      return epoch.count
    }
    buffer[colon] = UInt8(ascii: ":")
    var (rest, index) = (sequence, length)
    while index > colon + 1 {
      index -= 1
      buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
      rest /= 10
    }
    return length
  }

  private var decimalDigits: Int {
    var (digits, rest) = (1, sequence / 10)
    while rest > 0 { (digits, rest) = (digits + 1, rest / 10) }
    return digits
  }
}
