import Logging

/// What one event loop logs of its clients: of each kind so many lines a tick at the most, then how many were left out.
/// Nobody can write the log full, and nobody's line is lost without a word. Confined to its loop.
struct LoopLog {
  /// Lines of one kind in a tick.
  static let linesPerTick = 10

  private struct Kind: Hashable {
    let message: String
    let code: String
  }

  private let logger: Logger
  private var counts: [Kind: Int] = [:]

  init(_ logger: Logger) { self.logger = logger }

  /// A line at the level `info`. Lines with the same message and `code` are of one kind; `metadata` is made only for
  /// those that are written.
  mutating func info(_ message: StaticString, code: String, metadata: () -> Logger.Metadata) {
    guard logger.logLevel <= .info else { return }
    let kind = Kind(message: "\(message)", code: code)
    let count = counts[kind, default: 0]
    counts[kind] = count + 1
    guard count < Self.linesPerTick else { return }
    var metadata = metadata()
    metadata[LogKey.code] = "\(code)"
    logger.info("\(message)", metadata: metadata)
  }

  /// Once a tick: tells what was left out since the last one.
  mutating func tick() {
    guard !counts.isEmpty else { return }
    for (kind, count) in counts where count > Self.linesPerTick {
      logger.info(
        "lines left out",
        metadata: [
          LogKey.of: "\(kind.message)", LogKey.code: "\(kind.code)", LogKey.count: "\(count - Self.linesPerTick)",
        ])
    }
    counts.removeAll(keepingCapacity: true)
  }
}
