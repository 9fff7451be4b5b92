import Glibc

/// What a service manager is told, in the words of sd_notify(3).
enum ServiceNews {
  /// The server listens.
  case ready(url: String)
  case reloading
  /// Back from `reloading`, with new files or with the old ones.
  case reloaded
  /// On its way to the end, which comes within `limit`.
  case stopping(connections: Int, limit: Duration)
  /// Every event loop turns.
  case alive

  /// For a last word after the drain.
  private static let margin: Duration = .seconds(10)

  var text: String {
    switch self {
    case .ready(let url): "READY=1\nSTATUS=listening on \(url)"
    case .reloading: "RELOADING=1\nMONOTONIC_USEC=\(Self.monotonicMicroseconds())"
    case .reloaded: "READY=1"
    // The drain may take longer than the manager would wait by itself.
    case .stopping(let connections, let limit):
      "STOPPING=1\nSTATUS=draining \(connections) connections\nEXTEND_TIMEOUT_USEC=\((limit + Self.margin).inMicroseconds)"
    case .alive: "WATCHDOG=1"
    }
  }

  /// For the log.
  var name: String {
    switch self {
    case .ready: "ready"
    case .reloading: "reloading"
    case .reloaded: "reloaded"
    case .stopping: "stopping"
    case .alive: "alive"
    }
  }

  private static func monotonicMicroseconds() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1_000_000 + time.tv_nsec / 1000
  }
}

extension Duration {
  fileprivate var inMicroseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }
}
