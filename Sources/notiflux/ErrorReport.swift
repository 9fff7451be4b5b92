import CommandTable
import Glibc

/// What a command that failed tells the person who typed it: one line, and the exit code.
struct CommandFailure: Error {
  let message: String
  let code: ExitCode

  init(_ message: String, code: ExitCode = .failure) {
    self.message = message
    self.code = code
  }
}

extension ExitCode {
  /// The server would not have it: a bad token, or one for something else.
  static let refused = ExitCode(rawValue: 3)
  static let unreachable = ExitCode(rawValue: 4)
  static let timedOut = ExitCode(rawValue: 5)
}

extension Notiflux {
  /// Every error ends here, once: on standard error, in the words of the one who threw it.
  static func report(_ error: any Error) -> ExitCode {
    switch error {
    case let error as UsageError:
      say(error.message)
      if let hint = error.hint { writeError("\(hint)\n") }
      return .usage
    case let error as CommandFailure:
      say(error.message)
      return error.code
    case StandardStream.Failure.brokenPipe: return .success
    default:
      say("\(error)")
      return .failure
    }
  }

  /// One line on standard error, under the program's name. Some of it may be a server's words.
  static func say(_ message: String) { writeError("notiflux: \(TerminalText.safe(message))\n") }

  static func exit(with code: ExitCode) -> Never { Glibc.exit(code.rawValue) }

  /// Where standard error itself cannot be written there is nobody left to tell.
  private static func writeError(_ text: String) { try? StandardStream.error.write(text) }
}
