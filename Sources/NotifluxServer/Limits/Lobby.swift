/// The connections of one worker that speak HTTP, and are no subscription (yet): half-open handshakes, kept-alive
/// publishers. When there are too many, one goes that waits for its client and has been of no use of late (CLOCK): they
/// never keep a newcomer out. Every operation is O(1). Confined to the worker's loop.
final class Lobby {
  /// Connections that are looked at in a row for one that may go.
  private static let chances = 16

  let limit: Int
  private(set) var count = 0
  /// From the one that came first, or was spared first, on.
  private var first: HTTPConnection?
  private var last: HTTPConnection?

  init(limit: Int) { self.limit = limit }

  /// The connection that is to be closed for the new one, if any. Nobody has to go for one while all are being served.
  func enter(_ connection: HTTPConnection) -> HTTPConnection? {
    let leaving = count >= limit ? choose() : nil
    append(connection)
    return leaving
  }

  /// Without effect on one that has left.
  func leave(_ connection: HTTPConnection) {
    guard connection.lobbyPlace.isInside else { return }
    let (previous, next) = (connection.lobbyPlace.previous, connection.lobbyPlace.next)
    if let previous { previous.lobbyPlace.next = next } else { first = next }
    if let next { next.lobbyPlace.previous = previous } else { last = previous }
    connection.lobbyPlace = Place()
    count -= 1
  }

  /// Whether nothing is under way but what clients have to go on with.
  var waitsForClients: Bool {
    var next = first
    while let connection = next {
      guard connection.waitsForClient else { return false }
      next = connection.lobbyPlace.next
    }
    return true
  }

  private func append(_ connection: HTTPConnection) {
    connection.lobbyPlace = Place(isInside: true, previous: last)
    if let last { last.lobbyPlace.next = connection } else { first = connection }
    last = connection
    count += 1
  }

  /// One that was used is spared the first time; if all of some were, the first of them goes nevertheless.
  private func choose() -> HTTPConnection? {
    var used: HTTPConnection?
    for _ in 0..<min(Self.chances, count) {
      guard let candidate = first else { return nil }
      if candidate.waitsForClient {
        if !candidate.lobbyPlace.wasUsed { return candidate }
        used = used ?? candidate
      }
      leave(candidate)
      append(candidate)
    }
    return used
  }

  /// Where a connection is in its lobby.
  struct Place {
    fileprivate var isInside = false
    /// A request was answered since it was last looked at.
    var wasUsed = false
    fileprivate unowned(unsafe) var previous: HTTPConnection?
    fileprivate var next: HTTPConnection?

    fileprivate init(isInside: Bool, previous: HTTPConnection?) {
      self.isInside = isInside
      self.previous = previous
    }

    init() {}
  }
}

@available(*, unavailable)
extension Lobby: Sendable {}
