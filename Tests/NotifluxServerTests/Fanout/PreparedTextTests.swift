import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

@Suite struct PreparedTextTests {
  private static let all = Set(WireForm.allCases)

  /// What repeats, what has to be escaped, what does not get smaller, and next to nothing.
  private static let texts: [String] = {
    var generator = SystemRandomNumberGenerator()
    let noise = String(
      decoding: (0..<100_000).map { _ in UInt8.random(in: 0x23...0x5B, using: &generator) }, as: UTF8.self)
    return [
      String(repeating: #"{"price":1,"name":"ä"},"#, count: 10_000), String(repeating: "\u{1}\"\\\n é🚪", count: 10_000),
      noise, String(repeating: "\"", count: 70_000), "", "x",
    ]
  }()

  private let topic: Topic
  private let cursor = Cursor(epoch: "e", sequence: 7)

  init() throws { topic = try Topic("a \"topic\" é") }

  private func message(_ text: String, preparedFor forms: Set<WireForm>? = nil) -> EncodedMessage {
    EncodedMessage(text, topic: topic, cursor: cursor, prepared: forms.map { PreparedText(text, for: $0) })
  }

  /// What a client makes of a frame.
  private func received(_ frame: ByteBuffer) throws -> [WebSocketEvent] {
    var decoder = FrameDecoder(role: .client, maximumMessageLength: 4_000_000, inflates: true)
    decoder.feed(frame)
    var events: [WebSocketEvent] = []
    while let event = try decoder.next() { events.append(event) }
    return events
  }

  @Test("subscribers cannot tell that a text was prepared", arguments: texts)
  func same(text: String) throws {
    for form in WireForm.allCases {
      let (prepared, usual) = (message(text, preparedFor: Self.all).bytes(form), message(text).bytes(form))
      if form.window == nil || form.plain == .text {
        #expect(prepared == usual, "\(form)")
      } else {
        #expect(try received(prepared) == received(usual), "\(form)")
      }
    }
  }

  @Test(
    "an envelope of prepared parts is deflated wherever that makes it smaller",
    arguments: [
      WireForm.deflatedEnvelope, .tightEnvelope,
    ])
  func deflated(form: WireForm) throws {
    for text in Self.texts.filter({ $0.utf8.count > 100 }) {
      let frame = message(text, preparedFor: Self.all).bytes(form)
      let usual = message(text).bytes(form)
      #expect(frame.getInteger(at: 0, as: UInt8.self) == usual.getInteger(at: 0, as: UInt8.self))
      #expect(frame.readableBytes <= usual.readableBytes + 100)
    }
  }

  @Test("for a form that nobody had when it was prepared, the bytes are made after all", arguments: WireForm.allCases)
  func unprepared(form: WireForm) throws {
    let text = Self.texts[1]
    for forms in [[], [.text], [.envelope], Self.all.subtracting([form])] as [Set<WireForm>] {
      #expect(try received(form, message(text, preparedFor: forms)) == received(form, message(text)))
    }
  }

  private func received(_ form: WireForm, _ message: EncodedMessage) throws -> [WebSocketEvent] {
    let bytes = message.bytes(form)
    return form == .serverSentEvents || form == .ndjson ? [.text(bytes)] : try received(bytes)
  }

  @Test("the forms of those who are connected are counted")
  func census() throws {
    let fixture = try HTTPFixture()
    let forms = fixture.worker.services.forms
    #expect(forms.present.isEmpty)
    var connections: [SubscriberConnection] = []
    for form in [WireForm.text, .envelope, .text] {
      connections.append(SubscriberConnection(worker: fixture.worker, form: form))
    }
    #expect(forms.present == [.text, .envelope])
    connections.removeLast(2)
    #expect(forms.present == [.text])
    connections = []
    #expect(forms.present.isEmpty)
  }
}
