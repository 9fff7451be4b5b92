@testable import NotifluxProtocol

/// The JSON body of a publish, against a plain reader of JSON; the answer to it; and JSON of any kind.
enum Bodies: FuzzTarget {
  static let name = "bodies"

  private enum Outcome<Success: Equatable, Failure: Error & Equatable>: Equatable {
    case read(Success)
    case refused(Failure)

    init(_ body: () throws(Failure) -> Success) {
      do throws(Failure) { self = .read(try body()) } catch { self = .refused(error) }
    }
  }

  static func run(_ input: [UInt8]) {
    input.withUnsafeBytes { bytes in
      checkBody(bytes)
      checkValue(bytes)
      if let answer = BroadcastAnswer(json: bytes) {
        let json = answer.json
        require(json.withUnsafeBytes { BroadcastAnswer(json: $0)?.json } == json, "an answer reads the same again")
      }
    }
  }

  private static func checkBody(_ bytes: UnsafeRawBufferPointer) {
    let body = Outcome { () throws(Refusal) in try BroadcastRequest(json: bytes) }
    let expected = Outcome { () throws(Refusal) in try ReferenceReader.broadcastRequest(bytes) }
    require(body == expected, "a body is what the plain reader says")
    if let plain = PlainBroadcast(bytes), let message = plain.text {
      let text = { (bytes: UnsafeRawBufferPointer) in String(validating: bytes, as: UTF8.self) }
      if let topic = text(plain.topic).flatMap({ try? Topic($0) }), plain.token.map(text) != .some(nil) {
        let request = BroadcastRequest(topics: [topic], message: message, token: plain.token.flatMap(text))
        require(expected == .read(request), "what is plain is what the plain reader says")
      } else if case .read = expected {
        require(false, "what is plain has parts that are texts")
      }
    }
    switch body {
    case .read(let request):
      let json = request.json
      let again = json.withUnsafeBytes { try? BroadcastRequest(json: $0) }
      require(again?.json == json, "what is printed reads the same")
      require(request.message.utf8.count <= bytes.count, "no text is longer than what it is written in")
    case .refused(let refusal):
      require([.badRequest, .topicInvalid].contains(refusal.code), "a refusal has the code for it")
      require(!refusal.message.isEmpty, "a refusal says why")
    }
  }

  private static func checkValue(_ bytes: UnsafeRawBufferPointer) {
    let value = Outcome { () throws(JSONError) in try JSONValue.parse(bytes) }
    let expected = Outcome { () throws(JSONError) in try ReferenceReader.parse(bytes) }
    require(value == expected, "JSON is what the plain reader says")
    guard case .read(let value) = value else { return }
    let text = value.serialized()
    require((try? JSONValue.parse(text)) == value, "what is printed reads the same")
    require((try? JSONValue.parse(value.prettyPrinted())) == value, "what is printed for people reads the same")
  }
}
