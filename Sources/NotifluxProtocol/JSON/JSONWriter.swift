/// Writes JSON text (RFC 8259) without white space; commas come by themselves.
///
///     var writer = JSONWriter()
///     writer.object {
///       $0.member("type", "pong")
///       $0.member("id", id)
///     }
///
/// `name` must stand before each value in an object and nowhere else; everything written through `member` is right.
package struct JSONWriter {
  /// What is written so far.
  package private(set) var bytes: [UInt8] = []
  private var commaDue = false

  package init(reservingCapacity capacity: Int = 0) {
    bytes.reserveCapacity(capacity)
  }

  // MARK: Values

  package mutating func value(_ text: String) {
    separate()
    Self.string(text, into: &bytes)
  }

  package mutating func value(_ number: some BinaryInteger) {
    raw(String(number))
  }

  package mutating func value(_ bool: Bool) {
    raw(bool ? "true" : "false")
  }

  package mutating func value(_ value: JSONValue) {
    switch value {
    case .null: raw("null")
    case .bool(let bool): self.value(bool)
    case .number(let number): raw(number.text)
    case .string(let text): self.value(text)
    case .array(let elements):
      array { writer in for element in elements { writer.value(element) } }
    case .object(let object):
      self.object { writer in for member in object.members { writer.member(member.name, member.value) } }
    }
  }

  package mutating func object(_ members: (inout JSONWriter) -> Void) {
    container(UInt8(ascii: "{"), UInt8(ascii: "}"), members)
  }

  package mutating func array(_ elements: (inout JSONWriter) -> Void) {
    container(UInt8(ascii: "["), UInt8(ascii: "]"), elements)
  }

  // MARK: Members

  /// The name of the member whose value is written next.
  package mutating func name(_ name: String) {
    separate()
    Self.string(name, into: &bytes)
    bytes.append(UInt8(ascii: ":"))
    commaDue = false
  }

  package mutating func member(_ name: String, _ text: String) {
    self.name(name)
    value(text)
  }

  package mutating func member(_ name: String, _ number: some BinaryInteger) {
    self.name(name)
    value(number)
  }

  package mutating func member(_ name: String, _ bool: Bool) {
    self.name(name)
    value(bool)
  }

  package mutating func member(_ name: String, _ value: JSONValue) {
    self.name(name)
    self.value(value)
  }

  // MARK: Pieces

  private mutating func separate() {
    if commaDue { bytes.append(UInt8(ascii: ",")) }
    commaDue = true
  }

  private mutating func raw(_ text: String) {
    separate()
    bytes.append(contentsOf: text.utf8)
  }

  private mutating func container(_ open: UInt8, _ close: UInt8, _ content: (inout JSONWriter) -> Void) {
    separate()
    bytes.append(open)
    commaDue = false
    content(&self)
    bytes.append(close)
    commaDue = true
  }
}
