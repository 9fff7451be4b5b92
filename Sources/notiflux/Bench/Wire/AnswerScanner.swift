/// One answer over HTTP/1.1, as far as a load generator needs it.
struct ScannedAnswer: Sendable, Equatable {
  var status: Int
  /// Names in lower case.
  var fields: [(name: String, value: String)] = []
  var body: [UInt8] = []
  /// Whether another request may follow on the connection.
  var keepsAlive = true

  func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }

  static func == (left: ScannedAnswer, right: ScannedAnswer) -> Bool {
    left.status == right.status && left.body == right.body && left.keepsAlive == right.keepsAlive
      && left.fields.map(\.name) == right.fields.map(\.name) && left.fields.map(\.value) == right.fields.map(\.value)
  }
}

/// What answers there does not speak HTTP/1.1, or not in a way that is read here.
struct AnswerFault: Error, Equatable, CustomStringConvertible {
  let reason: String
  var description: String { reason }
}

/// Reads answers (RFC 9112) off a connection, one at a time. An answer `200` with a `Content-Length` costs one look at its
/// bytes and no allocation; of all others the fields and the body are kept. A body without a length is not read: the
/// answer ends with its head, and its connection too.
struct AnswerScanner {
  private static let longestHead = 32 << 10
  private static let longestBody = 1 << 20

  /// Of an answer that was not complete yet.
  private var kept: [UInt8] = []

  /// What was read so far of an answer that has not ended.
  var isInsideAnswer: Bool { !kept.isEmpty }

  /// Takes what was read from the socket; returns the answer that is complete with it, and the bytes after that.
  mutating func scan(_ bytes: UnsafeRawBufferPointer) throws(AnswerFault) -> (answer: ScannedAnswer, rest: [UInt8])? {
    if kept.isEmpty {
      guard let (answer, end) = try Self.answer(in: bytes) else {
        kept = Array(bytes)
        return nil
      }
      return (answer, end == bytes.count ? [] : Array(bytes[end...]))
    }
    kept.append(contentsOf: bytes)
    let found = try kept.withUnsafeBufferPointer { (bytes) throws(AnswerFault) in
      try Self.answer(in: UnsafeRawBufferPointer(bytes))
    }
    guard let (answer, end) = found else { return nil }
    defer { kept = [] }
    return (answer, Array(kept[end...]))
  }

  private static func answer(
    in bytes: UnsafeRawBufferPointer
  ) throws(AnswerFault) -> (answer: ScannedAnswer, end: Int)? {
    guard let headEnd = endOfHead(in: bytes) else {
      guard startsAsHTTP(bytes) else { throw AnswerFault(reason: "what answers there does not speak HTTP/1.1") }
      guard bytes.count <= longestHead else { throw AnswerFault(reason: "the head of an answer is too long") }
      return nil
    }
    guard startsAsHTTP(bytes), let status = status(in: bytes) else {
      throw AnswerFault(reason: "what answers there does not speak HTTP/1.1")
    }
    let head = UnsafeRawBufferPointer(rebasing: bytes[..<headEnd])
    var length: Int? = status == 101 || status == 204 || status == 304 ? 0 : nil
    var keepsAlive = true
    var fields: [(name: String, value: String)] = []
    try eachField(in: head) { (name, value) throws(AnswerFault) in
      if status != 200 { fields.append((lowercased(name), String(decoding: value, as: UTF8.self))) }
      if equals(name, "content-length") {
        guard let number = Int(String(decoding: value, as: UTF8.self)), (0...longestBody).contains(number) else {
          throw AnswerFault(reason: "the length of an answer is not readable or too long")
        }
        length = length ?? number
      } else if equals(name, "connection"), equals(value, "close") {
        keepsAlive = false
      }
    }
    guard let length else { return (ScannedAnswer(status: status, fields: fields, keepsAlive: false), bytes.count) }
    guard bytes.count - headEnd >= length else { return nil }
    let body = status == 200 ? [] : Array(bytes[headEnd..<headEnd + length])
    return (ScannedAnswer(status: status, fields: fields, body: body, keepsAlive: keepsAlive), headEnd + length)
  }

  private static func startsAsHTTP(_ bytes: UnsafeRawBufferPointer) -> Bool {
    zip(bytes, "HTTP/1.1 ".utf8).allSatisfy { $0 == $1 }
  }

  private static func status(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= 12 else { return nil }
    var status = 0
    for byte in bytes[9..<12] {
      guard byte &- UInt8(ascii: "0") < 10 else { return nil }
      status = status * 10 + Int(byte - UInt8(ascii: "0"))
    }
    return status
  }

  /// After the empty line.
  private static func endOfHead(in bytes: UnsafeRawBufferPointer) -> Int? {
    guard bytes.count >= 4 else { return nil }
    var index = 3
    while index < bytes.count {
      // The byte says how far the end can be.
      switch bytes[index] {
      case UInt8(ascii: "\n"):
        if bytes[index - 1] == 0x0D && bytes[index - 2] == 0x0A && bytes[index - 3] == 0x0D { return index + 1 }
        index += 2
      case UInt8(ascii: "\r"): index += 1
      default: index += 4
      }
    }
    return nil
  }

  private static func eachField(
    in head: UnsafeRawBufferPointer,
    _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws(AnswerFault) -> Void
  ) throws(AnswerFault) {
    var start = 0
    var isStatusLine = true
    for end in head.indices where head[end] == UInt8(ascii: "\n") {
      defer { start = end + 1 }
      if isStatusLine {
        isStatusLine = false
        continue
      }
      let line = head[start..<max(start, end - 1)]
      guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else { continue }
      var value = line[(colon + 1)...]
      while value.first == UInt8(ascii: " ") || value.first == UInt8(ascii: "\t") { value = value.dropFirst() }
      while value.last == UInt8(ascii: " ") || value.last == UInt8(ascii: "\t") { value = value.dropLast() }
      try body(UnsafeRawBufferPointer(rebasing: line[..<colon]), UnsafeRawBufferPointer(rebasing: value))
    }
  }

  /// `name` is in lower case.
  private static func equals(_ bytes: UnsafeRawBufferPointer, _ name: StaticString) -> Bool {
    guard bytes.count == name.utf8CodeUnitCount else { return false }
    return bytes.indices.allSatisfy { bytes[$0] | 0x20 == name.utf8Start[$0] | 0x20 }
  }

  private static func lowercased(_ bytes: UnsafeRawBufferPointer) -> String {
    String(decoding: bytes, as: UTF8.self).lowercased()
  }
}
