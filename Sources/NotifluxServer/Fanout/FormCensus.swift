import NIOConcurrencyHelpers

/// In which forms subscribers are connected, over all workers: what a long text is prepared for.
final class FormCensus: Sendable {
  private let counts = NIOLockedValueBox([Int](repeating: 0, count: WireForm.allCases.count))

  var present: Set<WireForm> {
    counts.withLockedValue { counts in Set(WireForm.allCases.filter { counts[Int($0.rawValue)] > 0 }) }
  }

  /// To be paired with ``leave(_:)``.
  func enter(_ form: WireForm) { counts.withLockedValue { $0[Int(form.rawValue)] += 1 } }

  func leave(_ form: WireForm) { counts.withLockedValue { $0[Int(form.rawValue)] -= 1 } }
}
