import Logging
import NIOConcurrencyHelpers
import Testing

/// Keeps log lines, as text: the message, then its data in the order of the keys.
struct LineRecorder: LogHandler {
  var logLevel = Logger.Level.trace
  var metadata: Logger.Metadata = [:]
  let lines: NIOLockedValueBox<[String]>

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let data = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { " \($0.key)=\($0.value)" }.joined()
    let line = "\(event.message)\(data)"
    SecretGuard.check(line)
    lines.withLockedValue { $0.append(line) }
  }
}

/// Sees to it that no line of any log holds a token or a key.
struct SecretGuard: LogHandler {
  var logLevel = Logger.Level.trace
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { Self.check("\(event.message) \(event.metadata ?? [:])") }

  /// Every token begins with a JSON object in base64url: `{"`.
  static func check(_ line: String) {
    for secret in ["eyJ", "-----BEGIN"] where line.contains(secret) { Issue.record("a secret is in the log: \(line)") }
  }
}
