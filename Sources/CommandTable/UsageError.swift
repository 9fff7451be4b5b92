/// What is wrong with the command line or the environment, and how to mend it.
///
/// `message` is always one line without control characters and without a final period; it never holds a secret value.
/// A program prints `NAME: MESSAGE` and then the hint, and ends with `ExitCode.usage`.
package struct UsageError: Error, Equatable, Sendable, CustomStringConvertible {
  package let message: String
  /// Where more is to be read: `Try 'chat serve --help'.`
  package var hint: String?

  package init(_ message: String, hint: String? = nil) {
    self.message = Quotation.oneLine(message)
    self.hint = hint
  }

  package var description: String { hint.map { "\(message)\n\($0)" } ?? message }
}

extension UsageError {
  /// A value that will not do: `PORT: "99999" is above 65535 (environment); give an integer from 0 to 65535`.
  static func rejected(
    _ text: String, of title: String, from origin: Origin, isSecret: Bool, because reason: String, accepted: String
  ) -> UsageError {
    let value = isSecret ? "the value" : Quotation.quoted(text)
    return switch origin {
    case .flag(let name), .argument(let name): UsageError("\(name): \(value) \(reason); give \(accepted)")
    case .environment(let name): UsageError("\(name): \(value) \(reason) (environment); give \(accepted)")
    case .default: UsageError("\(title): the default \(value) \(reason); give \(accepted)")
    }
  }
}
