@testable import NotifluxProtocol

/// What is said in `notiflux.v1`, by either side.
enum Envelopes: FuzzTarget {
  static let name = "envelopes"

  static func run(_ input: [UInt8]) {
    input.withUnsafeBytes { bytes in
      checkClient(bytes)
      if let envelope = ServerEnvelope(json: bytes) { check(envelope) }
    }
  }

  private static func checkClient(_ bytes: UnsafeRawBufferPointer) {
    do throws(ClientEnvelope.Failure) {
      let envelope = try ClientEnvelope(json: bytes)
      let json = envelope.json
      let again = json.withUnsafeBytes { try? ClientEnvelope(json: $0) }
      require(again?.json == json && again == envelope, "what is printed reads the same")
      if case .subscribe(let topics, let isList, _, _) = envelope.request {
        require(isList || topics.count == 1, "one topic, or a list")
        require(!topics.isEmpty && Set(topics).count == topics.count, "topics are some, each once")
      }
    } catch {
      require([.badRequest, .topicInvalid].contains(error.refusal.code), "a refusal has the code for it")
      require(isOneLine(error.refusal.message), "a refusal is one line")
      let answer = ServerEnvelope.error(error.refusal, topic: error.topic, id: error.id)
      check(answer)
    }
  }

  private static func check(_ envelope: ServerEnvelope) {
    let json = envelope.json
    require(!json.contains { $0 < 0x20 }, "an envelope is one line")
    let again = json.withUnsafeBytes { ServerEnvelope(json: $0) }
    require(again?.json == json, "what is printed reads the same: \(String(decoding: json, as: UTF8.self))")
  }
}
