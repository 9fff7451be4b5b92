import Glibc
import Logging
import NIOConcurrencyHelpers
import NotifluxProtocol

/// How log lines look.
enum LogFormat: String, CaseIterable, Sendable {
  /// `2026-11-23T15:04:05.250Z info  listening address=http://127.0.0.1:8080`
  case text
  /// One JSON object a line: `time`, `level`, `message`, then the data.
  case json
}

/// Writes the log to standard error, each line whole.
struct LogOutput: LogHandler {
  var logLevel: Logger.Level
  var metadata: Logger.Metadata = [:]
  private let format: LogFormat
  /// Whether each line begins with its priority, as the journal reads it (sd-daemon(3)).
  private let toJournal: Bool

  /// One line at a time, whatever thread it comes from.
  private static let lock = NIOLockedValueBox(())

  init(format: LogFormat, level: Logger.Level, toJournal: Bool) {
    self.format = format
    self.toJournal = toJournal
    logLevel = level
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let data = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
    let time = Timestamp.text(Timestamp.now(), fractionDigits: 3) ?? ""
    let line: String
    switch format {
    case .text: line = Self.text(time: time, level: event.level, message: "\(event.message)", data: data)
    case .json: line = Self.json(time: time, level: event.level, message: "\(event.message)", data: data)
    }
    // A log that cannot be written (a full disk, a reader that went away) must not stop the server.
    let priority = toJournal ? "<\(Self.priority(event.level))>" : ""
    Self.lock.withLockedValue { _ in try? StandardStream.error.write(priority + line) }
  }

  /// Whether standard error is the stream to the journal that `JOURNAL_STREAM` names, `DEVICE:INODE` (systemd.exec(5)).
  static func writesToJournal(_ variable: String?) -> Bool {
    var status = stat()
    guard let variable, fstat(STDERR_FILENO, &status) == 0 else { return false }
    return variable == "\(status.st_dev):\(status.st_ino)"
  }

  /// As syslog(3) has it.
  static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }

  static func text(
    time: String, level: Logger.Level, message: String, data: [(key: String, value: Logger.Metadata.Value)]
  ) -> String {
    let name = level.rawValue
    let padding = String(repeating: " ", count: max(0, 7 - name.utf8.count))
    let pairs = data.map { " \($0.key)=\(quotedIfNeeded("\($0.value)"))" }.joined()
    return "\(time) \(name)\(padding) \(message)\(pairs)\n"
  }

  static func json(
    time: String, level: Logger.Level, message: String, data: [(key: String, value: Logger.Metadata.Value)]
  ) -> String {
    var object: JSONObject = ["time": .string(time), "level": .string(level.rawValue), "message": .string(message)]
    for (key, value) in data { object[key] = .string("\(value)") }
    return JSONValue.object(object).visiblySerialized() + "\n"
  }

  /// A value stands bare where that cannot be misread; else as a JSON string, so that a line stays a line. What a client
  /// sent can be a part of it, and must not drive the terminal of whoever reads the log.
  private static func quotedIfNeeded(_ value: String) -> String {
    let isPlain = !value.isEmpty && value.utf8.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }
    return isPlain ? value : JSONValue.string(value).visiblySerialized()
  }
}
