/// One pass over the bytes of a JSON text; `JSONValue.parse` says what it promises.
struct JSONReader {
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
    var names = DistinctNames()
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
private struct DistinctNames {
  private var hashed: Set<ByteKey>?

  mutating func insert(_ name: String, _ earlier: [JSONObject.Member]) -> Bool {
    if hashed == nil {
      guard earlier.count >= 16 else { return !earlier.contains { $0.name.hasSameBytes(as: name) } }
      hashed = Set(earlier.lazy.map { ByteKey($0.name) })
    }
    return hashed?.insert(ByteKey(name)).inserted ?? true
  }
}
