/// One pass over the bytes of a JSON text; `JSONValue.parse` says what it promises.
///
/// Each rule of the grammar stands here once: a value is read into a `JSONValue`, or skipped, or its members are taken
/// as they come, all by the same scanner. Every method begins at the first byte of what it reads and ends behind the
/// last one.
struct JSONReader {
  private let start: UnsafeRawPointer
  /// How many bytes there are. No method looks at a byte without having compared its offset with this.
  let count: Int
  var position = 0
  private let maximumDepth: Int
  private var depth = 0
  /// Elements and members that may still come.
  private var valuesLeft: Int
  private let maximumValues: Int

  /// `bytes` must stay as they are while the reader, or a name it gave out, is used.
  init(_ bytes: UnsafeRawBufferPointer, maximumDepth: Int = JSONValue.defaultMaximumDepth, maximumValues: Int = .max) {
    start = bytes.baseAddress ?? UnsafeRawPointer(StaticString("").utf8Start)
    count = bytes.count
    self.maximumDepth = maximumDepth
    self.maximumValues = maximumValues
    valuesLeft = maximumValues
  }

  /// The whole text: one value, which `read` reads, and nothing but white space around it.
  mutating func document<Value>(
    _ read: (inout JSONReader) throws(JSONError) -> Value
  ) throws(JSONError) -> Value {
    if count >= 3, byte(at: 0) == 0xEF, byte(at: 1) == 0xBB, byte(at: 2) == 0xBF { throw failure(.byteOrderMark) }
    skipSpace()
    let value = try read(&self)
    skipSpace()
    guard position == count else { throw failure(.trailingText) }
    return value
  }

  // MARK: Values

  /// What a value is, by its first byte.
  enum Kind { case string, object, array, number, `true`, `false`, null }

  func kind() throws(JSONError) -> Kind {
    guard let first = peek else { throw expected("a value") }
    switch first {
    case UInt8(ascii: "\""): return .string
    case UInt8(ascii: "{"): return .object
    case UInt8(ascii: "["): return .array
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number
    case UInt8(ascii: "t"): return .true
    case UInt8(ascii: "f"): return .false
    case UInt8(ascii: "n"): return .null
    default: throw expected("a value")
    }
  }

  /// Any value, built.
  mutating func value() throws(JSONError) -> JSONValue {
    switch try kind() {
    case .string: return .string(try string())
    case .number: return .number(JSONNumber(text: String(decoding: try number(), as: UTF8.self)))
    case .true: return try word("true", .bool(true))
    case .false: return try word("false", .bool(false))
    case .null: return try word("null", .null)
    case .array:
      var elements: [JSONValue] = []
      try array { (reader) throws(JSONError) in elements.append(try reader.value()) }
      return .array(elements)
    case .object:
      var members: [JSONObject.Member] = []
      try object { (name, reader) throws(JSONError) in
        members.append(JSONObject.Member(name, value: try reader.value()))
      }
      return .object(JSONObject(distinct: members))
    }
  }

  /// Any value, checked in all its parts and dropped.
  mutating func skip() throws(JSONError) {
    switch try kind() {
    case .string: try skipString()
    case .number: _ = try number()
    case .true: try word("true", .bool(true))
    case .false: try word("false", .bool(false))
    case .null: try word("null", .null)
    case .array: try array { (reader) throws(JSONError) in try reader.skip() }
    case .object: try object { (_, reader) throws(JSONError) in try reader.skip() }
    }
  }

  @discardableResult
  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for offset in 0..<text.utf8CodeUnitCount {
      guard position + offset < count, byte(at: position + offset) == text.utf8Start[offset] else {
        throw expected("a value")
      }
    }
    position += text.utf8CodeUnitCount
    return value
  }

  /// An array; `element` reads each of its values.
  mutating func array(_ element: (inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    try descend()
    skipSpace()
    if !take(UInt8(ascii: "]")) {
      while true {
        try countValue()
        try element(&self)
        skipSpace()
        if take(UInt8(ascii: "]")) { break }
        guard take(UInt8(ascii: ",")) else { throw expected("',' or ']'") }
        skipSpace()
      }
    }
    depth -= 1
  }

  /// An object; `member` gets each name, which is new in this object, and reads the value.
  mutating func object(_ member: (JSONName, inout JSONReader) throws(JSONError) -> Void) throws(JSONError) {
    try descend()
    skipSpace()
    if !take(UInt8(ascii: "}")) {
      var names = DistinctNames()
      while true {
        guard peek == UInt8(ascii: "\"") else {
          throw expected(names.isEmpty ? "a member name or '}'" : "a member name")
        }
        let start = position
        let name = try name()
        guard names.insert(name) else { throw failure(.duplicateMember(name.text), at: start) }
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw expected("':'") }
        skipSpace()
        try countValue()
        try member(name, &self)
        skipSpace()
        if take(UInt8(ascii: "}")) { break }
        guard take(UInt8(ascii: ",")) else { throw expected("',' or '}'") }
        skipSpace()
      }
    }
    depth -= 1
  }

  /// The bytes of a number (RFC 8259 §6).
  private mutating func number() throws(JSONError) -> UnsafeRawBufferPointer {
    let start = position
    _ = take(UInt8(ascii: "-"))
    if take(UInt8(ascii: "0")) {
      if let next = peek, isDigit(next) { throw failure(.leadingZero, at: position - 1) }
    } else {
      try digits()
    }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return bytes(start..<position)
  }

  private mutating func digits() throws(JSONError) {
    guard let first = peek, isDigit(first) else { throw expected("a digit") }
    while let next = peek, isDigit(next) { position += 1 }
  }

  // MARK: Pieces

  /// The byte at the position, nil at the end.
  var peek: UInt8? { position < count ? byte(at: position) : nil }

  /// One of the bytes.
  func byte(at offset: Int) -> UInt8 { start.load(fromByteOffset: offset, as: UInt8.self) }

  /// Some of the bytes.
  func bytes(_ range: Range<Int>) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count)
  }

  /// Some of the bytes as one value, which may be of integers only. The lowest byte of an integer is the first one.
  func load<Value: BitwiseCopyable>(_ type: Value.Type, at offset: Int) -> Value {
    start.loadUnaligned(fromByteOffset: offset, as: type)
  }

  private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek == byte else { return false }
    position += 1
    return true
  }

  private mutating func skipSpace() {
    while let byte = peek, byte <= 0x20, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
  }

  private mutating func descend() throws(JSONError) {
    guard depth < maximumDepth else { throw failure(.tooDeep(maximum: maximumDepth)) }
    depth += 1
    position += 1
  }

  private mutating func countValue() throws(JSONError) {
    guard valuesLeft > 0 else { throw failure(.tooMany(maximum: maximumValues)) }
    valuesLeft -= 1
  }

  func failure(_ reason: JSONError.Reason, at offset: Int? = nil) -> JSONError {
    JSONError(reason: reason, offset: offset ?? position)
  }

  func expected(_ what: String) -> JSONError {
    failure(position < count ? .expected(what) : .incomplete(what))
  }
}
