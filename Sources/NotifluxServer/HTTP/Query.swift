import NotifluxProtocol

/// The query of a target, as forms and `URLSearchParams` write it (URL standard §5.1): `a=1&a=2`, percent-encoded, with
/// `+` for a blank.
struct Query {
  private var values: [String: [String]] = [:]

  /// Throws ``ErrorCode/badRequest`` for bad percent-encoding, and for what is not UTF-8 then.
  init(_ text: ArraySlice<UInt8>) throws(Refusal) {
    for pair in text.split(separator: UInt8(ascii: "&")) {
      let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
      let name = try Self.decode(parts[0])
      values[name, default: []].append(parts.count > 1 ? try Self.decode(parts[1]) : "")
    }
  }

  /// All values of a name, in their order.
  subscript(name: String) -> [String] { values[name] ?? [] }

  private static func decode(_ encoded: ArraySlice<UInt8>) throws(Refusal) -> String {
    var bytes: [UInt8] = []
    var rest = encoded
    while let byte = rest.popFirst() {
      switch byte {
      case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "%"):
        guard let high = rest.popFirst().flatMap(Octet.hexadecimal),
          let low = rest.popFirst().flatMap(Octet.hexadecimal)
        else {
          throw Refusal(.badRequest, "the query is not percent-encoded well: two hexadecimal digits follow each %")
        }
        bytes.append(high << 4 | low)
      default: bytes.append(byte)
      }
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw Refusal(.badRequest, "the query is not UTF-8")
    }
    return text
  }
}
