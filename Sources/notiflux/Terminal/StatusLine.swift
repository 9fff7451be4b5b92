import Glibc

/// The one line on standard error that says how far a long run is. Drawn on a terminal only; leaves nothing behind.
struct StatusLine: Sendable {
  private let isShown: Bool

  init(isShown: Bool) {
    let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
    self.isShown = isShown && StandardStream.error.isTerminal && terminal != "dumb"
  }

  /// Draws the line anew.
  func show(_ text: String) {
    guard isShown else { return }
    // Terminals wrap in the last column.
    write("\r" + text.prefix(max(0, (StandardStream.error.columns ?? 80) - 1)) + Self.erase)
  }

  /// Wipes it.
  func finish() { if isShown { write("\r" + Self.erase) } }

  private static let erase = "\u{1B}[K"

  /// A display that cannot be drawn is no reason to stop.
  private func write(_ text: String) { try? StandardStream.error.write(text) }
}
