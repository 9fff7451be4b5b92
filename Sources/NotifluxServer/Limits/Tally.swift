import Logging

/// What a worker turned away in one tick: each kind is one line of the log, however often it was.
struct Tally {
  /// Connections beyond `--max-connections`.
  var serverFull = 0
  /// Connections beyond `--max-connections-per-address`.
  var addressFull = 0
  /// Connections closed for newer ones, by `--max-http-connections`.
  var displaced = 0
  /// Requests given up, by `--max-request-memory`.
  var overMemory = 0
  /// Publishes and subscribes that were told to slow down.
  var rateLimited = 0

  func log(to logger: Logger) {
    let lines: [(Logger.Message, Int)] = [
      ("connections refused: the server is full", serverFull),
      ("connections refused: their address has too many", addressFull),
      ("connections closed for newer ones", displaced),
      ("requests given up: those not yet published hold too much memory", overMemory),
      ("publishes and subscribes refused: too many", rateLimited),
    ]
    for (message, count) in lines where count > 0 {
      logger.warning(message, metadata: [LogKey.count: "\(count)"])
    }
  }
}
