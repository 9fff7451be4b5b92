import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct EncodedMessageTests {
  private func message(_ topic: String, sameTextAs twin: EncodedMessage? = nil) throws -> EncodedMessage {
    let text = String(repeating: "what shrinks ", count: 20)
    return EncodedMessage(
      text, topic: try Topic(topic), cursor: Cursor(epoch: "e", sequence: 1), sameTextAs: twin)
  }

  /// Whether both are the same bytes in memory.
  private func isShared(_ one: ByteBuffer, _ other: ByteBuffer) -> Bool {
    one.withUnsafeReadableBytes { one in other.withUnsafeReadableBytes { one.baseAddress == $0.baseAddress } }
  }

  @Test("the bytes of a form are made once for all its subscribers", arguments: WireForm.allCases)
  func once(form: WireForm) throws {
    let message = try message("t")
    #expect(isShared(message.bytes(form), message.bytes(form)))
    let run = MessageRun(message)
    run.append(try self.message("t"))
    #expect(isShared(run.bytes(form), run.bytes(form)))
  }

  @Test(
    "topics that get the same text share its frames, where these do not name the topic", arguments: WireForm.allCases)
  func twins(form: WireForm) throws {
    let first = try message("t")
    let second = try message("u", sameTextAs: first)
    #expect(isShared(first.bytes(form), second.bytes(form)) == (form.plain == .text))
  }
}
