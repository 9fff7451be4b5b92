/// Where the value of a setting came from.
package enum Origin: Sendable, Equatable {
  /// The command line; the flag as it was typed: `--port` or `-p`.
  case flag(String)
  /// The command line; the name of the positional argument.
  case argument(String)
  /// The name of the variable.
  case environment(String)
  /// Nothing was given.
  case `default`
}
