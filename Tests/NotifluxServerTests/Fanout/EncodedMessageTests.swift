import NIOCore
import NotifluxProtocol
import Synchronization
import Testing

@testable import NotifluxServer

@Suite struct EncodedMessageTests {
  private func message(_ topic: String, sameTextAs twin: EncodedMessage? = nil) throws -> EncodedMessage {
    let text = String(repeating: "what shrinks ", count: 20)
    return EncodedMessage(
      text, topic: try Topic(topic), cursor: Cursor(epoch: "e", sequence: 1), sameTextAs: twin)
  }

  /// Whether both are the same bytes in memory.
  private func isShared(_ one: ByteBuffer, _ other: ByteBuffer) -> Bool { address(one) == address(other) }

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

  private final class Start: Sendable {
    let count = Atomic(0)
  }

  @Test("loops that ask at the same moment all get the same bytes, and so does who asks later")
  func races() async throws {
    for _ in 0..<300 {
      let message = try message("t")
      let start = Start()
      let addresses = await withTaskGroup(of: UInt.self) { group in
        for _ in 0..<4 {
          group.addTask {
            start.count.add(1, ordering: .relaxed)
            // So that two are at it together, where there is a processor for each.
            for _ in 0..<100_000 where start.count.load(ordering: .relaxed) < 2 {}
            return address(message.bytes(.envelope))
          }
        }
        return await group.reduce(into: Set<UInt>()) { $0.insert($1) }
      }
      #expect(addresses == [address(message.bytes(.envelope))])
    }
  }

}

/// Where the bytes are in memory.
private func address(_ bytes: ByteBuffer) -> UInt {
  bytes.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
}
