extension RequestHead {
  /// The kinds of body a request may say it has.
  enum Content: Sendable {
    case json
    /// Lines, each with a JSON object.
    case lines
    case other

    /// By the media type, whose parameters say nothing to us: JSON is any `+json` type too (RFC 6839 §3.1), and what a
    /// request has that names no type.
    init(_ field: Bytes?) {
      guard let field, !field.hasBytes("application/json") else {
        self = .json
        return
      }
      let end = field.firstOffset(of: UInt8(ascii: ";"), from: 0) ?? field.count
      let type = field[part: field.trimmed(0..<end)]
      if type.hasBytesIgnoringCase("application/x-ndjson") {
        self = .lines
      } else {
        self = Self.isJSON(type) ? .json : .other
      }
    }

    private static func isJSON(_ type: Bytes) -> Bool {
      if type.hasBytesIgnoringCase("application/json") { return true }
      let (start, end) = (min(12, type.count), max(0, type.count - 5))
      return type[part: 0..<start].hasBytesIgnoringCase("application/")
        && type[part: end..<type.count].hasBytesIgnoringCase("+json")
    }
  }
}
