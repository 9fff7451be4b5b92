import NIOConcurrencyHelpers

/// Objects that are dear to make and used by one thread at a time: there come to be as many as threads that use one at
/// the same time.
final class Pool<Item>: Sendable {
  /// Reaches one thread at a time, since whoever takes it out has it alone.
  private struct Idle: @unchecked Sendable {
    let item: Item
  }

  private let idle = NIOLockedValueBox<[Idle]>([])
  private let make: @Sendable () -> Item?

  init(_ make: @escaping @Sendable () -> Item?) { self.make = make }

  /// Calls `body`, which must not keep the item; `nil` where none could be made.
  func withOne<Value, Failure>(_ body: (Item) throws(Failure) -> Value) throws(Failure) -> Value? {
    let idle = idle.withLockedValue { $0.popLast() }
    guard let item = idle?.item ?? make() else { return nil }
    defer {
      let returned = Idle(item: item)
      self.idle.withLockedValue { $0.append(returned) }
    }
    return try body(item)
  }
}
