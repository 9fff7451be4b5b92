import NIOConcurrencyHelpers
import Synchronization

/// How many connections there are, over all workers, and how many there may be: in all, and of one address.
final class ConnectionCount: Sendable {
  enum Admission: Equatable { case welcome, serverFull, addressFull }

  /// Connections that are told that there are too many, at one time: beyond, they are closed without a word, since each
  /// keeps a descriptor while it is told.
  private static let maximumCrowded = 32

  let limit: Int
  /// 0: any number.
  let limitPerAddress: Int
  private let current = Atomic(0)
  private let crowded = Atomic(0)
  /// Of each address that has any; empty where they are not limited.
  private let addresses = NIOLockedValueBox<[ClientAddress: Int]>([:])

  init(limit: Int, limitPerAddress: Int = 0) {
    self.limit = limit
    self.limitPerAddress = limitPerAddress
  }

  var value: Int { current.load(ordering: .relaxed) }

  /// How many addresses are remembered.
  var addressCount: Int { addresses.withLockedValue { $0.count } }

  /// Counts one more if that is within the limits. Each that is welcome is to be paired with ``leave(_:)``.
  func enter(_ address: ClientAddress) -> Admission {
    guard current.add(1, ordering: .relaxed).newValue <= limit else {
      current.subtract(1, ordering: .relaxed)
      return .serverFull
    }
    guard limitPerAddress > 0 else { return .welcome }
    let hasRoom = addresses.withLockedValue { addresses in
      let count = addresses[address, default: 0]
      if count < limitPerAddress { addresses[address] = count + 1 }
      return count < limitPerAddress
    }
    if hasRoom { return .welcome }
    current.subtract(1, ordering: .relaxed)
    return .addressFull
  }

  func leave(_ address: ClientAddress) {
    current.subtract(1, ordering: .relaxed)
    guard limitPerAddress > 0 else { return }
    addresses.withLockedValue { addresses in
      guard let count = addresses[address] else { return }
      addresses[address] = count > 1 ? count - 1 : nil
    }
  }

  /// Whether one that is not welcome may be told so. Each success is to be paired with ``leaveCrowd()``.
  func enterCrowd() -> Bool {
    if crowded.add(1, ordering: .relaxed).newValue <= Self.maximumCrowded { return true }
    leaveCrowd()
    return false
  }

  func leaveCrowd() { crowded.subtract(1, ordering: .relaxed) }
}
