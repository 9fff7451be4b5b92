/// What a command line asks for.
package enum Invocation: Sendable {
  case run(@Sendable (Settings) throws -> ExitCode, Settings)
  case help(CommandPath, HelpDetail)
  case version
}

/// How much help to print.
package enum HelpDetail: Sendable {
  /// `-h`: the shape of the command line and a line for each option.
  case brief
  /// `--help` and `help COMMAND`: everything.
  case full
}

extension Program {
  /// Reads a command line, without the name of the program, into what it asks for.
  ///
  /// Total on any words. Every value is read before this returns, so nothing runs on bad input.
  package func parse(
    _ arguments: some Sequence<String>, environment: Environment
  ) throws(UsageError) -> Invocation {
    var parser = Parser(program: self, arguments: Array(arguments))
    return try parser.parse(environment: environment)
  }
}
