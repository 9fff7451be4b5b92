import Synchronization

/// How often new keys, certificates and revocations were taken, and how often they were no good. Any thread.
final class Reloads: Sendable {
  struct Counts: Sendable, Equatable {
    var taken = 0
    var refused = 0
  }

  private let taken = Atomic(0)
  private let refused = Atomic(0)

  var counts: Counts {
    Counts(taken: taken.load(ordering: .relaxed), refused: refused.load(ordering: .relaxed))
  }

  func count(isTaken: Bool) {
    if isTaken { taken.add(1, ordering: .relaxed) } else { refused.add(1, ordering: .relaxed) }
  }
}
