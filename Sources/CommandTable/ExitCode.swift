/// What the process hands back to the one that started it.
///
/// Only the codes every program has are named here; a program adds its own by `static let`.
package struct ExitCode: RawRepresentable, Hashable, Sendable {
  package let rawValue: Int32
  package init(rawValue: Int32) { self.rawValue = rawValue }

  package static let success = ExitCode(rawValue: 0)
  package static let failure = ExitCode(rawValue: 1)
  package static let usage = ExitCode(rawValue: 2)
}

/// A row of the table of exit codes: `2`, `bad usage`.
package struct ExitStatus: Sendable {
  package let code: ExitCode
  package let meaning: String

  package init(_ code: ExitCode, _ meaning: String) {
    self.code = code
    self.meaning = meaning
  }
}
