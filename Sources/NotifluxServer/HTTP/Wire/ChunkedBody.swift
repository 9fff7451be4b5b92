import NotifluxProtocol

/// Takes a chunked body apart (RFC 9112 §7.1). Pure. Chunk extensions and trailer fields are checked, and ignored.
struct ChunkedBody {
  private enum State {
    /// In a chunk's size, so many of whose digits are read.
    case size(digits: Int)
    case chunkExtension
    /// After the CR of a chunk's first line.
    case sizeEnd
    case data
    /// Before the CR, and before the LF, after a chunk.
    case dataEnd
    case dataEndFeed
    /// Where a trailer field, or the CR of the last line, begins.
    case trailer
    case trailerName
    case trailerValue
    case trailerEnd
    case lastFeed
  }

  private var state = State.size(digits: 0)
  private var remaining = 0
  /// Bytes of extensions and trailers so far, in the whole body.
  private var ignored = 0

  enum Piece {
    case data(UnsafeRawBufferPointer)
    case end
  }

  /// The next piece off the front of `input`; `nil` when that is used up. Throws what is wrong with the framing.
  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(RequestError) -> Piece? {
    while let byte = input.first {
      if case .data = state {
        let count = min(remaining, input.count)
        remaining -= count
        if remaining == 0 { state = .dataEnd }
        return .data(input.take(count))
      }
      _ = input.take(1)
      if case .lastFeed = state {
        guard byte == Octet.lineFeed else { throw Self.badLine }
        return .end
      }
      try take(byte)
    }
    return nil
  }

  private mutating func take(_ byte: UInt8) throws(RequestError) {
    switch state {
    case .size(let digits): try takeSize(byte, digits: digits)
    case .chunkExtension:
      if byte == Octet.carriageReturn { state = .sizeEnd } else { try ignore(byte) }
    case .sizeEnd:
      try expect(byte, Octet.lineFeed)
      state = remaining > 0 ? .data : .trailer
    case .dataEnd:
      try expect(byte, Octet.carriageReturn)
      state = .dataEndFeed
    case .dataEndFeed:
      try expect(byte, Octet.lineFeed)
      state = .size(digits: 0)
    case .trailer, .trailerName, .trailerValue, .trailerEnd: try takeTrailer(byte)
    case .data, .lastFeed: break
    }
  }

  /// At most 15 digits, so that no size overflows and no flood of zeros is read.
  private mutating func takeSize(_ byte: UInt8, digits: Int) throws(RequestError) {
    if let digit = Octet.hexadecimal(byte) {
      guard digits < 15 else { throw .malformed("the size of a chunk has too many digits") }
      remaining = (digits == 0 ? 0 : remaining << 4) | Int(digit)
      state = .size(digits: digits + 1)
    } else if digits > 0, byte == UInt8(ascii: ";") {
      state = .chunkExtension
    } else if digits > 0, byte == Octet.carriageReturn {
      state = .sizeEnd
    } else {
      throw .malformed("the size of a chunk is not hexadecimal")
    }
  }

  private mutating func takeTrailer(_ byte: UInt8) throws(RequestError) {
    switch state {
    case .trailer where byte == Octet.carriageReturn: state = .lastFeed
    case .trailer, .trailerName:
      if case .trailerName = state, byte == UInt8(ascii: ":") {
        state = .trailerValue
      } else {
        guard Octet.isToken(byte) else { throw .malformed("a trailer field has no name that is one") }
        state = .trailerName
      }
      try ignore(byte)
    case .trailerValue:
      if byte == Octet.carriageReturn { state = .trailerEnd } else { try ignore(byte) }
    default:
      try expect(byte, Octet.lineFeed)
      state = .trailer
    }
  }

  private mutating func ignore(_ byte: UInt8) throws(RequestError) {
    ignored += 1
    guard Octet.isValue(byte) else { throw Self.badLine }
    guard ignored <= Limits.requestHead else {
      throw .malformed("chunk extensions and trailers have more than \(Limits.requestHead / 1024) KiB")
    }
  }

  private func expect(_ byte: UInt8, _ expected: UInt8) throws(RequestError) {
    guard byte == expected else { throw Self.badLine }
  }

  private static var badLine: RequestError { .malformed("a chunk or a trailer does not end with CR LF") }
}
