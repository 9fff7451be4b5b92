import NIOCore
import NotifluxProtocol

/// Messages of one topic that follow each other in a burst: handed to each subscriber in one step. Never empty. Confined
/// to its loop.
final class MessageRun {
  let first: EncodedMessage
  private(set) var rest: ContiguousArray<EncodedMessage> = []
  /// The bytes of all messages in the form that was asked for last, and in the others that were: one or two in practice.
  private var joined: (form: WireForm, bytes: ByteBuffer)?
  private var others: [WireForm: ByteBuffer] = [:]

  init(_ first: EncodedMessage) { self.first = first }

  var topic: Topic { first.topic }
  var count: Int { 1 + rest.count }
  var firstNumber: UInt64 { first.cursor.sequence }
  var lastNumber: UInt64 { (rest.last ?? first).cursor.sequence }
  var messages: ContiguousArray<EncodedMessage> { [first] + rest }

  /// Before anybody has asked for its bytes.
  func append(_ message: EncodedMessage) { rest.append(message) }

  /// Its messages with numbers above `number`; `nil` where there is none.
  func suffix(after number: UInt64) -> MessageRun? {
    let later = messages.drop { $0.cursor.sequence <= number }
    guard let first = later.first else { return nil }
    let run = MessageRun(first)
    for message in later.dropFirst() { run.append(message) }
    return run
  }

  /// All its messages, joined once and shared by all subscribers of the form.
  func bytes(_ form: WireForm) -> ByteBuffer {
    if let joined, joined.form == form { return joined.bytes }
    let bytes = others[form] ?? join(form)
    if let joined { others[joined.form] = joined.bytes }
    joined = (form, bytes)
    return bytes
  }

  private func join(_ form: WireForm) -> ByteBuffer {
    var all = first.bytes(form)
    // The first write makes a copy of its own: the message's bytes are shared with other loops.
    for message in rest { all.writeImmutableBuffer(message.bytes(form)) }
    return all
  }
}

@available(*, unavailable)
extension MessageRun: Sendable {}
