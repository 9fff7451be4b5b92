import Glibc
import NIOConcurrencyHelpers

/// The one-line display of a long `publish --lines` on standard error: how many messages were sent, how fast, and how many
/// failed. It is drawn on a terminal only, at most ten times a second, and leaves nothing behind.
final class Progress: Sendable {
  private struct State {
    var counts = ProgressCounts()
    var drawnAt: ContinuousClock.Instant?
    var isDrawn = false
    var isFinished = false
  }

  private let state = NIOLockedValueBox(State())
  private let started = ContinuousClock.now
  private let isShown: Bool

  /// `isShown: false` counts without drawing, for `--quiet`; nothing is drawn off a terminal either.
  init(isShown: Bool = true) {
    let terminal = getenv("TERM").map { String(cString: $0) } ?? "dumb"
    self.isShown = isShown && StandardStream.error.isTerminal && terminal != "dumb"
  }

  /// Counts messages that were accepted. From any thread.
  func sent(_ count: Int = 1) { update { $0.sent += count } }

  /// Counts messages that were not. From any thread.
  func failed(_ count: Int = 1) { update { $0.failed += count } }

  var counts: ProgressCounts { state.withLockedValue { $0.counts } }

  /// Writes one line to standard error, above the display. Some of it may be a server's words.
  func note(_ line: String) {
    state.withLockedValue { state in
      write((state.isDrawn ? Self.erase : "") + TerminalText.safe(line) + "\n")
      state.isDrawn = false
      state.drawnAt = nil
    }
  }

  /// Wipes the display for good; counting goes on.
  func finish() {
    state.withLockedValue { state in
      if state.isDrawn { write(Self.erase) }
      state.isDrawn = false
      state.isFinished = true
    }
  }

  private static let erase = "\r\u{1B}[K"

  private func update(_ change: (inout ProgressCounts) -> Void) {
    state.withLockedValue { state in
      change(&state.counts)
      guard isShown, !state.isFinished else { return }
      let now = ContinuousClock.now
      if let drawnAt = state.drawnAt, now - drawnAt < .milliseconds(100) { return }
      state.drawnAt = now
      state.isDrawn = true
      let text = state.counts.text(after: now - started, columns: StandardStream.error.columns ?? 80)
      write("\r" + text + "\u{1B}[K")
    }
  }

  /// A display that cannot be drawn is no reason to stop the work it tells of.
  private func write(_ text: String) { try? StandardStream.error.write(text) }
}

/// What the progress display counts, and its wording.
struct ProgressCounts: Equatable, Sendable {
  var sent = 0
  var failed = 0

  /// E.g. `12,345 sent, 8,230/s, 2 failed, 0:01`, cut so that it never fills the last column, where terminals wrap.
  func text(after elapsed: Duration, columns: Int) -> String {
    let seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) * 1e-18
    let rate = seconds > 0 ? Int((Double(sent) / seconds).rounded()) : 0
    let whole = Int(elapsed.components.seconds)
    let clock = "\(whole / 60):\(whole % 60 < 10 ? "0" : "")\(whole % 60)"
    var parts = ["\(grouped(sent)) sent", "\(grouped(rate))/s"]
    if failed > 0 { parts.append("\(grouped(failed)) failed") }
    parts.append(clock)
    return String(parts.joined(separator: ", ").prefix(max(0, columns - 1)))
  }
}

/// A count with a comma between thousands.
func grouped(_ number: Int) -> String {
  var text = ""
  let digits = String(number.magnitude)
  for (index, digit) in digits.enumerated() {
    if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
    text.append(digit)
  }
  return number < 0 ? "-" + text : text
}
