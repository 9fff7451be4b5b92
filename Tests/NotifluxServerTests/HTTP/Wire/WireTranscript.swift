@testable import NotifluxServer

/// What a decoder makes of some bytes, as lines to compare: requests, bodies in one piece, and why it stopped.
struct WireTranscript: Equatable, CustomStringConvertible {
  private(set) var lines: [String] = []
  private var body: [UInt8] = []

  /// Feeds `bytes` in pieces of the given sizes, the rest in one piece.
  init(_ bytes: [UInt8], pieces sizes: [Int] = []) {
    var decoder = RequestDecoder()
    var rest = bytes[...]
    var sizes = sizes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(sizes.popFirst() ?? rest.count)
      rest = rest.dropFirst(piece.count)
      do throws(RequestError) { try feed(Array(piece), to: &decoder) } catch {
        lines.append(Self.text(of: error))
        return
      }
    }
    if !decoder.isBetweenRequests { lines.append("incomplete") }
  }

  init(_ text: String, pieces sizes: [Int] = []) { self.init(Array(text.utf8), pieces: sizes) }

  var description: String { lines.joined(separator: " · ") }
  var isRefused: Bool { lines.last?.hasPrefix("refused") == true }
  var requests: [String] { lines.filter { !$0.hasPrefix("refused") && $0 != "incomplete" } }

  private mutating func feed(_ piece: [UInt8], to decoder: inout RequestDecoder) throws(RequestError) {
    let result = piece.withUnsafeBytes { bytes in
      Result { () throws(RequestError) in
        var input = bytes
        while let event = try decoder.next(&input) { take(event, of: decoder) }
        assert(input.isEmpty)
      }
    }
    try result.get()
  }

  private mutating func take(_ event: RequestDecoder.Event, of decoder: RequestDecoder) {
    switch event {
    case .head:
      guard let head = decoder.head else { return lines.append("no head") }
      let target = String(decoding: head.target, as: UTF8.self)
      lines.append("\(head.method.rawValue) \(target) 1.\(head.minorVersion)")
    case .body(let bytes): body += bytes
    case .end(let bytes):
      body += bytes
      lines[lines.count - 1] += body.isEmpty ? "" : " [\(String(decoding: body, as: UTF8.self))]"
      body = []
    }
  }

  private static func text(of error: RequestError) -> String {
    switch error {
    case .malformed(let reason): "refused: \(reason)"
    case .lineTooLong: "refused: line too long"
    case .headTooLarge: "refused: too large"
    }
  }
}

/// The head that some text is.
func requestHead(_ text: String) throws -> RequestHead {
  let parsed = try Array(text.utf8).withUnsafeBufferPointer { try HeadParser.parse($0) }
  guard let (head, size) = parsed, size == text.utf8.count else { throw TestFailure("no head: \(text)") }
  return head
}
