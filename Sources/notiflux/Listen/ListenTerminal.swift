import CommandTable
import Glibc
import NIOConcurrencyHelpers

/// `listen` on a terminal: the line editor on one side, the session on the other.
enum ListenTerminal {
  static func run(_ settings: ListenSession.Settings, asJSON: Bool, timeout: Duration?) async throws -> ExitCode {
    let session = Box()
    let editor = LineEditor(
      prompt: "notiflux> ", historyFile: historyFile, redact: SessionCommand.redacted,
      complete: { line, wordStart, _ in candidates(line, wordStart, topics: session.value?.topics ?? []) })
    guard let editor else {
      throw CommandFailure("the terminal cannot be edited on: \(String(cString: strerror(errno)))")
    }
    let output = TerminalOutput(
      editor: editor, asJSON: asJSON, isColoured: StandardStream.output.wantsColour)
    let listen = ListenSession(settings, output: output)
    session.set(listen)
    output.note("\(settings.endpoint) – /help lists the commands, Ctrl-D leaves")
    let (lines, typed) = AsyncStream.makeStream(of: String.self)
    let commands = Task { for await line in lines { await listen.execute(line) } }
    async let code = listen.run(timeout: timeout)
    async let reason = edit(editor, typed, isRaw: settings.isRaw, session: listen)
    let result = await code
    editor.stop()
    let end = await reason
    commands.cancel()
    if case .signal(let number) = end { return ExitCode(rawValue: 128 + number) }
    return result
  }

  /// Ends with the session, or ends it.
  private static func edit(
    _ editor: LineEditor, _ typed: AsyncStream<String>.Continuation, isRaw: Bool, session: ListenSession
  ) async -> LineEditor.EndReason {
    let reason = await editor.runOnOwnThread { line in
      if !isRaw && SessionCommand(line) == .quit { return .stop }
      typed.yield(line)
      return .readAnother
    }
    session.finish(.success)
    return reason
  }

  /// A command first, then topics that are known; nothing else is completed.
  static func candidates(_ line: String, _ wordStart: Int, topics: [String]) -> [String] {
    let before = String(decoding: Array(line.utf8.prefix(wordStart)), as: UTF8.self).split(separator: " ")
    if before.isEmpty { return SessionCommand.table.map(\.name) }
    let takesTopic = ["/subscribe", "/unsubscribe", "/publish"].contains(String(before[0]))
    return takesTopic && before.count == 1 ? topics : []
  }

  /// Where the lines of earlier sessions are kept (XDG Base Directory Specification); `nil` without a home.
  private static var historyFile: String? {
    let environment = Environment.process
    guard let base = environment["XDG_STATE_HOME"] ?? environment["HOME"].map({ "\($0)/.local/state" }) else {
      return nil
    }
    let directory = "\(base)/notiflux"
    guard (try? File.makeDirectory(directory)) != nil else { return nil }
    return "\(directory)/listen_history"
  }

  /// The editor completes topics of a session that is made after it.
  private final class Box: Sendable {
    private let session = NIOLockedValueBox<ListenSession?>(nil)
    var value: ListenSession? { session.withLockedValue { $0 } }
    func set(_ value: ListenSession) { session.withLockedValue { $0 = value } }
  }
}
