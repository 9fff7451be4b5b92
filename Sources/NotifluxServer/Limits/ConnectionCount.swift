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
  private let addresses = NIOLockedValueBox<[ClientAddress.Network: Int]>([:])
  /// Connect for others, whose addresses count instead of theirs.
  private let proxies: TrustedProxies

  init(limit: Int, limitPerAddress: Int = 0, proxies: TrustedProxies = TrustedProxies()) {
    self.limit = limit
    self.limitPerAddress = limitPerAddress
    self.proxies = proxies
  }

  /// What one is told that is one too many of its address, or of all.
  var addressFull: String { "your address holds \(limitPerAddress) connections, the most allowed; close some" }
  var serverFull: String { "the server holds \(limit) connections, the most allowed; try again in a second" }

  var value: Int { current.load(ordering: .relaxed) }

  /// How many addresses are remembered.
  var addressCount: Int { addresses.withLockedValue { $0.count } }

  /// Counts one more if that is within the limits. Each that is welcome is to be paired with ``leave(_:)``.
  func enter(_ address: ClientAddress) -> Admission {
    guard current.add(1, ordering: .relaxed).newValue <= limit else {
      current.subtract(1, ordering: .relaxed)
      return .serverFull
    }
    if enterAddress(address) { return .welcome }
    current.subtract(1, ordering: .relaxed)
    return .addressFull
  }

  func leave(_ address: ClientAddress) {
    current.subtract(1, ordering: .relaxed)
    leaveAddress(address)
  }

  /// A connection that counted for `address` counts for `other` from now on, unless that one has too many: then nothing
  /// changes.
  func move(from address: ClientAddress, to other: ClientAddress) -> Bool {
    guard enterAddress(other) else { return false }
    leaveAddress(address)
    return true
  }

  private func isLimited(_ address: ClientAddress) -> Bool { limitPerAddress > 0 && !proxies.contains(address) }

  private func enterAddress(_ address: ClientAddress) -> Bool {
    guard isLimited(address) else { return true }
    return addresses.withLockedValue { addresses in
      let count = addresses[address.network, default: 0]
      if count < limitPerAddress { addresses[address.network] = count + 1 }
      return count < limitPerAddress
    }
  }

  private func leaveAddress(_ address: ClientAddress) {
    guard isLimited(address) else { return }
    addresses.withLockedValue { addresses in
      guard let count = addresses[address.network] else { return }
      addresses[address.network] = count > 1 ? count - 1 : nil
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
