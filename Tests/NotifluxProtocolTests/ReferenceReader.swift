@testable import NotifluxProtocol

/// A plain reader of JSON that always builds the whole tree: what the scanner of `NotifluxProtocol` must agree with, in
/// every value and in every error.
struct ReferenceReader {
  let bytes: UnsafeRawBufferPointer
  let maximumDepth: Int
  var position = 0
  private var depth = 0

  init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int) {
    self.bytes = bytes
    self.maximumDepth = maximumDepth
  }

  mutating func document() throws(JSONError) -> JSONValue {
    if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { throw failure(.byteOrderMark) }
    skipSpace()
    let value = try value()
    skipSpace()
    guard position == bytes.count else { throw failure(.trailingText) }
    return value
  }

  // MARK: Values

  private mutating func value() throws(JSONError) -> JSONValue {
    guard let first = peek else { throw expected("a value") }
    switch first {
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "{"): return try object()
    case UInt8(ascii: "["): return try array()
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
    case UInt8(ascii: "t"): return try literal("true", .bool(true))
    case UInt8(ascii: "f"): return try literal("false", .bool(false))
    case UInt8(ascii: "n"): return try literal("null", .null)
    default: throw expected("a value")
    }
  }

  private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for offset in 0..<text.utf8CodeUnitCount {
      guard position + offset < bytes.count, bytes[position + offset] == text.utf8Start[offset] else {
        throw expected("a value")
      }
    }
    position += text.utf8CodeUnitCount
    return value
  }

  private mutating func array() throws(JSONError) -> JSONValue {
    try descend()
    var elements: [JSONValue] = []
    skipSpace()
    if take("]") {
      depth -= 1
      return .array(elements)
    }
    while true {
      elements.append(try value())
      skipSpace()
      if take("]") { break }
      guard take(",") else { throw expected("',' or ']'") }
      skipSpace()
    }
    depth -= 1
    return .array(elements)
  }

  private mutating func object() throws(JSONError) -> JSONValue {
    try descend()
    var names = ReferenceNames()
    var members: [JSONObject.Member] = []
    skipSpace()
    if take("}") {
      depth -= 1
      return .object(JSONObject())
    }
    while true {
      guard peek == UInt8(ascii: "\"") else {
        throw expected(members.isEmpty ? "a member name or '}'" : "a member name")
      }
      let start = position
      let name = try string()
      guard names.insert(name, members) else { throw failure(.duplicateMember(name), at: start) }
      skipSpace()
      guard take(":") else { throw expected("':'") }
      skipSpace()
      members.append(JSONObject.Member(name: name, value: try value()))
      skipSpace()
      if take("}") { break }
      guard take(",") else { throw expected("',' or '}'") }
      skipSpace()
    }
    depth -= 1
    return .object(JSONObject(distinct: members))
  }

  private mutating func number() throws(JSONError) -> JSONNumber {
    let start = position
    _ = take("-")
    if take("0") {
      if let next = peek, isDigit(next) { throw failure(.leadingZero, at: position - 1) }
    } else {
      try digits()
    }
    if take(".") { try digits() }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      try digits()
    }
    return JSONNumber(text: String(decoding: bytes[start..<position], as: UTF8.self))
  }

  private mutating func digits() throws(JSONError) {
    guard let first = peek, isDigit(first) else { throw expected("a digit") }
    while let next = peek, isDigit(next) { position += 1 }
  }

  // MARK: Pieces

  /// The byte at the position, nil at the end.
  var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return
      }
    }
  }

  private mutating func descend() throws(JSONError) {
    guard depth < maximumDepth else { throw failure(.tooDeep(maximum: maximumDepth)) }
    depth += 1
    position += 1
  }

  func failure(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
    JSONError(reason: reason, offset: offset ?? position)
  }

  func expected(_ what: String) -> JSONError {
    failure(position < bytes.count ? .expected(what) : .incomplete(what))
  }
}

/// Tells whether a member name is new: by comparison while there are few, by hash when there are many, so that an
/// object of any size takes linear time.
private struct ReferenceNames {
  private var hashed: Set<ByteKey>?

  mutating func insert(_ name: String, _ earlier: [JSONObject.Member]) -> Bool {
    if hashed == nil {
      guard earlier.count >= 16 else { return !earlier.contains { $0.name.hasSameBytes(as: name) } }
      hashed = Set(earlier.lazy.map { ByteKey($0.name) })
    }
    return hashed?.insert(ByteKey(name)).inserted ?? true
  }
}

extension ReferenceReader {
  /// The position is at the opening quote.
  mutating func string() throws(JSONError) -> String {
    position += 1
    let start = position
    skipPlain()
    if peek == UInt8(ascii: "\"") {
      defer { position += 1 }
      return try text(UnsafeRawBufferPointer(rebasing: bytes[start..<position]), from: start)
    }
    return try escapedString(from: start)
  }

  private mutating func escapedString(from start: Int) throws(JSONError) -> String {
    var content = Array(bytes[start..<position])
    while let byte = peek {
      switch byte {
      case UInt8(ascii: "\""):
        position += 1
        return try text(content, from: start)
      case UInt8(ascii: "\\"):
        try escape(into: &content)
      case 0..<0x20:
        throw failure(.controlCharacter)
      default:
        let run = position
        skipPlain()
        content.append(contentsOf: bytes[run..<position])
      }
    }
    throw expected("the end of a string")
  }

  /// The position is at the backslash.
  private mutating func escape(into content: inout [UInt8]) throws(JSONError) {
    let start = position
    position += 1
    guard let byte = peek else { throw expected("the rest of an escape") }
    position += 1
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
    case UInt8(ascii: "b"): content.append(0x08)
    case UInt8(ascii: "t"): content.append(0x09)
    case UInt8(ascii: "n"): content.append(0x0A)
    case UInt8(ascii: "f"): content.append(0x0C)
    case UInt8(ascii: "r"): content.append(0x0D)
    case UInt8(ascii: "u"): content.append(contentsOf: String(try scalar(startingAt: start)).utf8)
    default: throw failure(.invalidEscape, at: start)
    }
  }

  /// The position is behind `\u`.
  private mutating func scalar(startingAt start: Int) throws(JSONError) -> Unicode.Scalar {
    let first = try hexQuad()
    if let scalar = Unicode.Scalar(first) { return scalar }
    guard first < 0xDC00, position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
      bytes[position + 1] == UInt8(ascii: "u")
    else { throw failure(.unpairedSurrogate, at: start) }
    position += 2
    let second = try hexQuad()
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
    else { throw failure(.unpairedSurrogate, at: start) }
    return scalar
  }

  private mutating func hexQuad() throws(JSONError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = peek else { throw expected("a hexadecimal digit") }
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - UInt8(ascii: "A") + 10)
      default: throw expected("a hexadecimal digit")
      }
      position += 1
    }
    return value
  }

  /// Moves to the next quote, backslash or control character, or to the end.
  private mutating func skipPlain() {
    while let byte = peek, byte >= 0x20, byte != 0x22, byte != 0x5C { position += 1 }
  }

  /// `content` is what stands between the quotes from `start` on, escapes resolved.
  private func text(_ content: some Sequence<UInt8>, from start: Int) throws(JSONError) -> String {
    guard let text = String(validating: content, as: UTF8.self) else {
      throw failure(.invalidUTF8, at: firstInvalidByte(from: start))
    }
    return text
  }

  /// An escape is ASCII and cannot complete a sequence, so the bytes as they came are wrong at the same place.
  private func firstInvalidByte(from start: Int) -> Int {
    var parser = UTF8.ForwardParser()
    var rest = bytes[start...].makeIterator()
    var offset = start
    while case .valid(let sequence) = parser.parseScalar(from: &rest) { offset += sequence.count }
    return offset
  }
}

extension ReferenceReader {
  static func parse(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int = 32) throws(JSONError) -> JSONValue {
    var reader = ReferenceReader(bytes, maximumDepth: maximumDepth)
    return try reader.document()
  }

  /// What `BroadcastRequest.init(json:)` must come to.
  static func broadcastRequest(_ bytes: UnsafeRawBufferPointer) throws(Refusal) -> BroadcastRequest {
    let value: JSONValue
    do { value = try ReferenceReader.parse(bytes) } catch {
      throw Refusal(.badRequest, "the body is not valid JSON: \(error.message)")
    }
    guard case .object(let object) = value else {
      throw Refusal(.badRequest, #"the body must be a JSON object such as {"topic":"t","message":"m","token":"…"}"#)
    }
    let topics = try Self.topics(of: object)
    guard let message = try Self.string("message", of: object) else {
      throw Refusal(.badRequest, #""message" is missing; give the text to publish as a string"#)
    }
    let token = try Self.string("token", of: object)
    let id = try Self.string("id", of: object)
    if let id { try BroadcastRequest.check(id: id) }
    return BroadcastRequest(topics: topics, message: message, token: token, id: id)
  }

  private static func topics(of object: JSONObject) throws(Refusal) -> [Topic] {
    let single = try string("topic", of: object)
    switch (single, object["topics"]) {
    case (let topic?, nil): return [try Topic(topic)]
    case (nil, let list?): return try Topic.list(list)
    case (nil, nil): throw Refusal(.badRequest, #""topic" is missing; name the topic to publish to"#)
    case (_?, _?): throw Refusal(.badRequest, #"give either "topic" or "topics", not both"#)
    }
  }

  private static func string(_ name: String, of object: JSONObject) throws(Refusal) -> String? {
    switch object[name] {
    case nil: return nil
    case .string(let text): return text
    case _?: throw Refusal(.badRequest, #""\#(name)" must be a string"#)
    }
  }
}
