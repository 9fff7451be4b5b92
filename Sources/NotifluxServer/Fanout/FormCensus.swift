import NIOConcurrencyHelpers

/// In which forms subscribers are connected, over all workers: what a long text is prepared for.
final class FormCensus: Sendable {
  private let held = NIOLockedValueBox([Int](repeating: 0, count: WireForm.allCases.count))

  var present: Set<WireForm> {
    held.withLockedValue { held in Set(WireForm.allCases.filter { held[Int($0.rawValue)] > 0 }) }
  }

  /// How many of each form.
  var counts: [WireForm: Int] {
    held.withLockedValue { held in
      Dictionary(uniqueKeysWithValues: WireForm.allCases.map { ($0, held[Int($0.rawValue)]) })
    }
  }

  /// To be paired with ``leave(_:)``.
  func enter(_ form: WireForm) { held.withLockedValue { $0[Int(form.rawValue)] += 1 } }

  func leave(_ form: WireForm) { held.withLockedValue { $0[Int(form.rawValue)] -= 1 } }
}
