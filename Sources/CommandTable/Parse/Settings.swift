/// What the command line, the environment and the defaults together mean for one command.
///
///     let port = settings[ServeCommand.port]          // Int, no cast, no optional
///     let origin = settings.origin(of: ServeCommand.port)
///
/// Reading a row that is not in the command's own table is a mistake in the program and traps with the row's name.
package struct Settings: Sendable {
  /// The words that select the command: `chat token subscribe`.
  package let commandLine: String
  /// What looks like a mistake and changes nothing, one line each: variables that are no settings.
  package let warnings: [String]
  private var slots: [String: any SettingSlot] = [:]

  init(commandLine: String, warnings: [String]) {
    self.commandLine = commandLine
    self.warnings = warnings
  }

  package subscript<Value>(option: Option<Value>) -> Value { setting(option.facts.key, Value.self).value }
  package subscript<Value>(argument: Argument<Value>) -> Value { setting(argument.facts.name, Value.self).value }

  package func origin<Value>(of option: Option<Value>) -> Origin { setting(option.facts.key, Value.self).origin }
  package func origin<Value>(of argument: Argument<Value>) -> Origin {
    setting(argument.facts.name, Value.self).origin
  }

  /// Whether the command line or the environment said something.
  package func isGiven<Value>(_ option: Option<Value>) -> Bool { origin(of: option) != .default }

  mutating func store(_ slot: any SettingSlot, under key: String) { slots[key] = slot }

  private func setting<Value>(_ key: String, _: Value.Type) -> Setting<Value> {
    guard let setting = slots[key] as? Setting<Value> else {
      preconditionFailure("'\(commandLine)' reads \(key), which is not in its table")
    }
    return setting
  }
}

/// A settled value and where it came from.
struct Setting<Value: Sendable>: SettingSlot {
  let value: Value
  let origin: Origin
}

/// A settled value whatever its type.
package protocol SettingSlot: Sendable {
  var origin: Origin { get }
}

extension Settings {
  /// For what only the command can see, such as two options that exclude each other.
  package func usageError(_ message: String) -> UsageError { UsageError(message, hint: hint) }

  /// For a value that is of its kind and still will not do: `--key: "a.pem" does not exist; give the path of a file`.
  ///
  /// `text` is the value as the user gave it; it is not shown when the row is secret.
  package func rejection<Value>(of option: Option<Value>, _ text: String, because reason: String) -> UsageError {
    var error = option.facts.rejection(of: text, from: origin(of: option), because: reason)
    error.hint = hint
    return error
  }

  package func rejection<Value>(of argument: Argument<Value>, _ text: String, because reason: String) -> UsageError {
    var error = argument.facts.rejection(of: text, because: reason)
    error.hint = hint
    return error
  }

  private var hint: String { "Try '\(commandLine) --help'." }
}
