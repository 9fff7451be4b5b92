import Synchronization
import Testing

@testable import NotifluxWebSocket

@Suite struct PoolTests {
  private final class Item {}

  private struct Failure: Error {}

  /// Makes items, and counts them.
  private final class Maker: Sendable {
    private let count = Atomic(0)

    var made: Int { count.load(ordering: .relaxed) }

    func make() -> Item {
      count.add(1, ordering: .relaxed)
      return Item()
    }
  }

  @Test("there are as many items as are used at the same time, each by one user")
  func reuse() throws {
    let maker = Maker()
    let pool = Pool(maker.make)
    for _ in 0..<3 { #expect(pool.withOne { _ in maker.made } == 1) }
    #expect(throws: Failure.self) { try pool.withOne { _ in throw Failure() } }
    for _ in 0..<3 {
      #expect(pool.withOne { first in pool.withOne { second in first !== second } } == true)
    }
    #expect(maker.made == 2)
  }

  @Test("where none can be made, there is no call")
  func none() {
    #expect(Pool<Item> { nil }.withOne { _ in true } == nil)
  }
}
