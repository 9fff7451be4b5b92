import NIOConcurrencyHelpers
import NotifluxProtocol

/// How many topics have a subscriber, over all event loops: asked for at any time, kept when a loop's first subscriber
/// of a topic comes and its last one goes. Any thread.
final class TopicCensus: Sendable {
  /// How many loops hold a topic, by the hash of its name: a name would cost several times that, and two topics with
  /// one hash are some billion billion to one.
  private let loops = NIOLockedValueBox<[Int: UInt16]>([:])

  var count: Int { loops.withLockedValue { $0.count } }

  /// To be paired with ``leave(_:)``.
  func enter(_ topic: Topic) {
    let name = topic.hashValue
    loops.withLockedValue { $0[name, default: 0] += 1 }
  }

  func leave(_ topic: Topic) {
    let name = topic.hashValue
    loops.withLockedValue { loops in
      guard let count = loops[name] else { return }
      loops[name] = count > 1 ? count - 1 : nil
    }
  }
}
