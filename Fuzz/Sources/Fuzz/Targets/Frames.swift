import NIOCore

@testable import NotifluxWebSocket

/// WebSocket frames, at either end. The first byte chooses the end, the limit and whether messages may be deflated, the
/// second how the rest is cut.
enum Frames: FuzzTarget {
  static let name = "frames"

  private struct Outcome: Equatable {
    var events: [WebSocketEvent] = []
    var failure: WebSocketFailure?
  }

  static func run(_ input: [UInt8]) {
    var choices = Choices(input)
    let first = choices.byte()
    let role: FrameDecoder.Role = first & 1 == 0 ? .server : .client
    let limit = first & 2 == 0 ? 300 : 3000
    let inflates = first & 4 != 0
    let cuts = cuts(of: choices.rest, seed: choices.byte())
    let outcomes = cuts.flatMap { pieces in
      [false, true].map { decode(pieces, role, limit, inflates, renewing: $0) }
    }
    for outcome in outcomes { require(outcome == outcomes[0], "the same, however the bytes come") }
    for event in outcomes[0].events { check(event, role, limit, inflates) }
    checkPong(input)
    checkUTF8(choices.rest)
  }

  /// With `renewing` a fresh decoder goes on wherever the last one is idle.
  private static func decode(
    _ pieces: [ArraySlice<UInt8>], _ role: FrameDecoder.Role, _ limit: Int, _ inflates: Bool, renewing: Bool
  ) -> Outcome {
    var outcome = Outcome()
    var decoder = FrameDecoder(role: role, maximumMessageLength: limit, inflates: inflates)
    do throws(WebSocketFailure) {
      for piece in pieces {
        decoder.feed(ByteBuffer(bytes: piece))
        while let event = try decoder.next() { outcome.events.append(event) }
        if renewing, decoder.isIdle {
          decoder = FrameDecoder(role: role, maximumMessageLength: limit, inflates: inflates)
        }
      }
    } catch {
      outcome.failure = error
      require(error.reason.utf8.count <= 123, "the reason fits a close frame")
    }
    return outcome
  }

  /// What was read keeps the rules, and reads the same again when it is written.
  private static func check(_ event: WebSocketEvent, _ role: FrameDecoder.Role, _ limit: Int, _ inflates: Bool) {
    let mask = role == .server ? MaskKey(rawValue: 0xA1B2_C3D4) : nil
    func frame(_ opcode: Opcode, _ payload: ByteBuffer) -> ByteBuffer {
      FrameEncoder.frame(opcode, payload: payload, mask: mask)
    }
    let written: ByteBuffer
    switch event {
    case .text(let payload):
      require(String(validating: payload.readableBytesView, as: UTF8.self) != nil, "a text is UTF-8")
      require(payload.readableBytes <= limit, "a message keeps to the limit")
      written = frame(.text, payload)
    case .binary(let payload):
      require(payload.readableBytes <= limit, "a message keeps to the limit")
      written = frame(.binary, payload)
    case .ping(let payload): written = frame(.ping, payload)
    case .pong(let payload): written = frame(.pong, payload)
    case .close(let code, let reason):
      require(code?.isSendable ?? reason.isEmpty, "a close code is one that may be sent")
      written = FrameEncoder.close(role: role == .server ? .client : .server, code: code, reason: reason)
    }
    let again = decode([ArraySlice(written.readableBytesView)], role, limit, inflates, renewing: false)
    require(again == Outcome(events: [event]), "what is written reads the same")
    guard role == .client, inflates, event.isMessage else { return }
    for window in [DeflateWindow.full, .small] {
      let deflated = FrameEncoder.deflated(written, window: window)
      require(deflated.readableBytes <= written.readableBytes, "deflating makes nothing longer")
      let again = decode([ArraySlice(deflated.readableBytesView)], role, limit, true, renewing: false)
      require(again == Outcome(events: [event]), "what is deflated reads the same")
    }
  }

  private static func checkPong(_ bytes: [UInt8]) {
    guard bytes.withUnsafeBytes({ FrameDecoder.isPong($0) }) else { return }
    let outcome = decode([bytes[...]], .server, 300, false, renewing: false)
    guard case .pong? = outcome.events.first, outcome.events.count == 1, outcome.failure == nil else {
      violated("what looks like one pong is one")
    }
  }

  private static func checkUTF8(_ bytes: ArraySlice<UInt8>) {
    var validator = UTF8Validator()
    let isValid = bytes.withUnsafeBytes { validator.validate($0) } && validator.isComplete
    require(isValid == (String(validating: bytes, as: UTF8.self) != nil), "UTF-8 is what the standard library says")
  }
}

extension WebSocketEvent {
  fileprivate var isMessage: Bool {
    switch self {
    case .text, .binary: true
    case .ping, .pong, .close: false
    }
  }
}
