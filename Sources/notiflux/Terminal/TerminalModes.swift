import Glibc
import NIOConcurrencyHelpers

/// The modes of the terminal as they were before line editing, given back even when the process ends by `exit` on some
/// other thread in the middle of a line.
enum TerminalModes {
  private static let saved = NIOLockedValueBox<termios?>(nil)
  private static let hookAtExit: Void = { _ = atexit { TerminalModes.giveBack() } }()

  /// Remembers the modes of the terminal on standard input; without one there is nothing to remember.
  static func remember() {
    _ = hookAtExit
    var modes = termios()
    guard tcgetattr(0, &modes) == 0 else { return }
    saved.withLockedValue { $0 = modes }
  }

  /// The editor has given the terminal back itself.
  static func forget() { saved.withLockedValue { $0 = nil } }

  private static func giveBack() {
    guard var modes = saved.withLockedValue({ $0.take() }) else { return }
    tcsetattr(0, TCSANOW, &modes)
    // Readline's bracketed paste; a line that stood half typed is left behind, so the shell's prompt gets its own.
    try? StandardStream.output.write(environmentAllowsEscapes ? "\u{1B}[?2004l\n" : "\n")
  }

  private static var environmentAllowsEscapes: Bool {
    guard let terminal = getenv("TERM") else { return false }
    return String(cString: terminal) != "dumb"
  }
}
