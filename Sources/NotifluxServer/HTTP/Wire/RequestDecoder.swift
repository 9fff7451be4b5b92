import NotifluxProtocol

/// Cuts what comes in on a connection into requests (RFC 9112). Pure. Reads from the bytes that are handed in, and keeps
/// a copy of the last head alone, complete or not.
struct RequestDecoder {
  enum Event {
    /// ``RequestDecoder/head`` is there. It is not new where the request before had the same, byte for byte.
    case head(isNew: Bool)
    /// A part of the body, but not its end.
    case body(UnsafeRawBufferPointer)
    /// The request is complete; these are the last bytes of its body, if there are any.
    case end(UnsafeRawBufferPointer)
  }

  private enum State {
    case head
    case fixed(remaining: Int)
    case chunked(ChunkedBody)
  }

  private var state = State.head
  /// The last one that was complete. Clients that keep a connection mostly send the same again: it is known by
  /// comparison then, and not read again.
  private(set) var head: RequestHead?
  /// What is there of an incomplete head.
  private var partial: [UInt8] = []

  /// Whether no byte of a request is missing any: the next one begins.
  var isBetweenRequests: Bool {
    if case .head = state { partial.isEmpty } else { false }
  }

  /// Bytes of an incomplete head.
  var heldBytes: Int { partial.count }

  /// To be called between two requests, when nobody asks for ``head`` any more: lets go of one that would take up much
  /// memory meanwhile.
  mutating func forgetLongHead() {
    if let size = head?.size, size > Limits.rememberedHead { head = nil }
  }

  /// The next event, whose bytes are taken off the front of `input` and valid as long as that; `nil` when `input` is
  /// used up. After it has thrown it is not to be asked again.
  mutating func next(_ input: inout UnsafeRawBufferPointer) throws(RequestError) -> Event? {
    switch state {
    case .head: return try nextHead(&input)
    case .fixed(let remaining): return nextBytes(&input, remaining: remaining)
    case .chunked(var body):
      let piece = try body.next(&input)
      state = .chunked(body)
      switch piece {
      case nil: return nil
      case .data(let bytes)?: return .body(bytes)
      case .end?:
        state = .head
        return .end(UnsafeRawBufferPointer(start: nil, count: 0))
      }
    }
  }

  private mutating func nextHead(_ input: inout UnsafeRawBufferPointer) throws(RequestError) -> Event? {
    guard !input.isEmpty else { return nil }
    guard partial.isEmpty else { return try nextSplitHead(&input) }
    if let size = head?.size(in: input) { return begin(taking: size, from: &input, isNew: false) }
    guard let (head, size) = try HeadParser.parse(Bytes(input)) else {
      partial = [UInt8](input)
      _ = input.take(input.count)
      return nil
    }
    self.head = head
    return begin(taking: size, from: &input, isNew: true)
  }

  /// The head began in bytes that came in before.
  private mutating func nextSplitHead(_ input: inout UnsafeRawBufferPointer) throws(RequestError) -> Event? {
    let before = partial.count
    partial.append(contentsOf: input)
    guard partial.count > Limits.requestHead || partial[before...].contains(Octet.lineFeed) else {
      _ = input.take(input.count)
      return nil  // No line has become complete.
    }
    // A closure's typed throw does not pass through `withUnsafeBytes`, its result does.
    let result = partial.withUnsafeBufferPointer { bytes in
      Result { () throws(RequestError) -> (head: RequestHead, size: Int)? in try HeadParser.parse(bytes) }
    }
    guard let (head, size) = try result.get() else {
      _ = input.take(input.count)
      return nil
    }
    partial = []
    self.head = head
    return begin(taking: size - before, from: &input, isNew: true)
  }

  /// `size` is what ``head`` takes up of `input`.
  private mutating func begin(taking size: Int, from input: inout UnsafeRawBufferPointer, isNew: Bool) -> Event {
    _ = input.take(size)
    switch head?.framing {
    case .length(let length)?: state = .fixed(remaining: length)
    case .chunked?: state = .chunked(ChunkedBody())
    case nil: break
    }
    return .head(isNew: isNew)
  }

  private mutating func nextBytes(_ input: inout UnsafeRawBufferPointer, remaining: Int) -> Event? {
    guard remaining > input.count else {
      state = .head
      return .end(input.take(remaining))
    }
    guard !input.isEmpty else { return nil }
    state = .fixed(remaining: remaining - input.count)
    return .body(input.take(input.count))
  }
}
