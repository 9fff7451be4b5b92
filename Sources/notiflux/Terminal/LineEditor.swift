import CReadline
import Glibc
import Synchronization

/// An interactive line editor on a terminal: GNU readline's editing, history and completion, while text that other
/// threads print appears above the line being typed and leaves that line, its prompt and the cursor as they were.
///
/// Ctrl-C abandons the line, Ctrl-D on an empty line ends the session, Ctrl-Z suspends the process. Whatever ends a
/// session, the terminal has its modes back. Readline is one per process, so one editor at a time may run. This is the
/// only file that knows readline.
final class LineEditor: Sendable {
  /// What is to happen after a line.
  enum Next: Sendable { case readAnother, stop }

  /// What ended a session.
  enum EndReason: Equatable, Sendable {
    /// Ctrl-D, or the terminal has gone.
    case endOfInput
    /// `stop()`, or `onLine` said so.
    case stopped
    /// `SIGTERM`, `SIGHUP` or `SIGQUIT`.
    case signal(Int32)
  }

  /// The candidates for the word that begins at byte `wordStart` of the line. Those that do not begin with the word are
  /// dropped, so all that may stand there can be given. Called on the thread that runs the editor.
  typealias Complete = @Sendable (_ line: String, _ wordStart: Int, _ word: String) -> [String]

  fileprivate let history: HistoryFile?
  fileprivate let redact: @Sendable (String) -> String?
  fileprivate let complete: Complete
  fileprivate let mailbox: EditorMailbox

  /// Nil if the process has no descriptors left. The prompt may hold colour sequences. `redact` gives what the history
  /// file may know of a line, nil for nothing; within the session the line itself can be recalled.
  init?(
    prompt: String, historyFile: String?, historyLimit: Int = 1000,
    redact: @escaping @Sendable (String) -> String? = { $0 }, complete: @escaping Complete = { _, _, _ in [] }
  ) {
    guard let mailbox = EditorMailbox(prompt: prompt) else { return nil }
    self.mailbox = mailbox
    self.redact = redact
    self.complete = complete
    history = historyFile.map { HistoryFile(path: $0, limit: historyLimit) }
  }

  /// Prints text, as it is, above the line being typed; a line feed is added if it does not end with one. From any
  /// thread, in order; waits while the terminal is far behind. Without a running session it is written directly.
  func print(_ text: String) { mailbox.post(text) }

  /// Changes the prompt, also of the line being typed. From any thread.
  func setPrompt(_ prompt: String) { mailbox.post(prompt: prompt) }

  /// Ends the session; a half-typed line is dropped. From any thread.
  func stop() { mailbox.postStop() }

  /// Reads lines until something ends the session; blocks the calling thread. `onLine` runs on it too: while it does,
  /// nothing is shown, so what takes long is better done elsewhere and printed when it is there.
  func run(onLine: (String) -> Next) -> EndReason {
    let session = EditorSession(self)
    session.begin()
    defer { session.finish() }
    while true {
      if let reason = session.deliver() { return reason }
      guard session.awaitInput() else { continue }
      switch session.readInput() {
      case nil: continue
      case .end: return .endOfInput
      case .line(let line):
        if onLine(line) == .stop { return .stopped }
        if session.deliverOutput() { return .stopped }
        session.beginLine()
      }
    }
  }

  /// `run` on a thread of its own, for callers that must not block theirs.
  func runOnOwnThread(onLine: @escaping @Sendable (String) -> Next) async -> EndReason {
    await withCheckedContinuation { continuation in
      startThread { continuation.resume(returning: self.run(onLine: onLine)) }
    }
  }
}

/// One run of the editor, confined to its thread as readline is.
private final class EditorSession {
  enum Input { case line(String), end }

  private let editor: LineEditor
  private let signals = SignalPipe([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH])
  private var arrived: [Int32] = []
  /// The prompt that readline has or, during a search, will get.
  private var prompt = ""
  private var isPromptDeferred = false
  private var isEditing = false
  /// What readline's callback has found.
  private var input: Input?
  private var inputIsGone = false
  private var lastEntry = ""
  private var isHistoryBroken = false

  init(_ editor: LineEditor) { self.editor = editor }

  func begin() {
    precondition(running == nil, "one LineEditor runs at a time")
    running = self
    TerminalModes.remember()
    setUpReadline()
    editor.mailbox.open()
    recallHistory()
    beginLine()
  }

  func finish() {
    dropLine(echoing: nil)
    TerminalModes.forget()
    editor.mailbox.close()
    running = nil
  }

  // MARK: The line

  func beginLine() {
    input = nil
    isEditing = true
    rl_callback_handler_install(prompt) { line in running?.finishLine(line) }
  }

  /// Called by readline once it has given the terminal back; nil is the end of the input.
  private func finishLine(_ line: UnsafeMutablePointer<CChar>?) {
    defer { free(line) }
    rl_callback_handler_remove()
    isEditing = false
    // What stood half typed when the terminal went was never entered.
    if let line, !inputIsGone {
      input = .line(String(cString: line))
    } else {
      input = .end
    }
  }

  /// Leaves the line being typed standing, without entering it, and goes on to an empty row.
  private func dropLine(echoing signal: Int32?) {
    guard isEditing else { return }
    isEditing = false
    rl_callback_sigcleanup()
    notiflux_rl_move_to_end()
    rl_redisplay()
    if let signal { rl_echo_signal_char(signal) }
    rl_free_line_state()
    rl_crlf()
    notiflux_rl_flush()
    rl_callback_handler_remove()
  }

  /// Waits until something has come in; whether it is input.
  func awaitInput() -> Bool {
    var waiting = [STDIN_FILENO, editor.mailbox.descriptor, signals?.descriptor ?? -1].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    return poll(&waiting, 3, -1) > 0 && waiting[0].revents != 0
  }

  /// Feeds readline one byte; a result if that completed the line or ended the input.
  func readInput() -> Input? {
    rl_callback_read_char()
    if isPromptDeferred, isEditing { showPrompt() }
    switch input {
    case nil: break
    case .end: writeOut("\n")
    case .line(let line): remember(line)
    }
    return input
  }

  /// What readline reads from. It may ask for a byte that is yet to come, inside a paste or a key sequence: a signal
  /// that ends the session ends that wait.
  fileprivate func readByte() -> Int32 {
    while !inputIsGone {
      var waiting = [STDIN_FILENO, signals?.descriptor ?? -1].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
      guard poll(&waiting, 2, -1) > 0 else { continue }
      var byte: UInt8 = 0
      if waiting[0].revents != 0 {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 1 { return Int32(byte) }
        inputIsGone = count == 0 || errno != EINTR && errno != EAGAIN
      } else {
        arrived += signals?.take() ?? []
        inputIsGone = arrived.contains { [SIGTERM, SIGHUP, SIGQUIT].contains($0) }
      }
    }
    return EOF
  }

  // MARK: What comes from elsewhere

  /// Handles the signals, the output and the wishes that have come in; the reason if one of them ends the session.
  func deliver() -> LineEditor.EndReason? {
    arrived += signals?.take() ?? []
    defer { arrived = [] }
    for signal in arrived {
      switch signal {
      case SIGINT: interrupt()
      case SIGWINCH: resize()
      case SIGTSTP: suspend()
      case SIGCONT: resume()
      default: return .signal(signal)
      }
    }
    return deliverOutput() ? .stopped : nil
  }

  /// Whether the session is to stop.
  func deliverOutput() -> Bool {
    let contents = editor.mailbox.take()
    if !contents.text.isEmpty { printAboveLine(contents.text) }
    let marked = Prompt.marked(contents.prompt)
    if !marked.utf8.elementsEqual(prompt.utf8) {
      prompt = marked
      showPrompt()
    }
    return contents.mustStop
  }

  private func printAboveLine(_ text: String) {
    guard isEditing else { return writeOut(text) }
    clearLine()
    writeOut(text)
    rl_forced_update_display()
  }

  /// During a search readline has a prompt of its own: then ours waits.
  private func showPrompt() {
    guard isEditing else { return }
    isPromptDeferred = notiflux_rl_prompt_is_borrowed() != 0
    guard !isPromptDeferred else { return }
    clearLine()
    rl_set_prompt(prompt)
    rl_forced_update_display()
  }

  /// Wipes all rows of the line being typed. Where the terminal cannot, the line is left standing and will be repeated.
  private func clearLine() {
    if rl_get_termcap("ce") != nil, rl_get_termcap("up") != nil {
      rl_clear_visible_line()
    } else {
      rl_crlf()
    }
    notiflux_rl_flush()
  }

  private func writeOut(_ text: String) {
    notiflux_rl_flush()
    try? StandardStream.output.write(text)
  }

  private func interrupt() {
    guard isEditing else { return }
    dropLine(echoing: SIGINT)
    beginLine()
  }

  /// Readline would go up as many rows as the line had before. But terminals wrap anew when they are resized: a line that
  /// has fewer rows now would lose the messages above it. So we go up by what it has in both, the old width and the new.
  private func resize() {
    guard isEditing else { return rl_reset_screen_size() }
    let (old, column) = (screenColumns(), cursorColumn())
    guard let old, let column, hasEscapeSequences() else { return rl_resize_terminal() }
    rl_reset_screen_size()
    let rows = column / max(old, screenColumns() ?? old)
    notiflux_rl_flush()
    writeOut("\r" + String(repeating: "\u{1B}[A", count: rows) + "\u{1B}[J")
    rl_forced_update_display()
  }

  /// How far from the start of the prompt the cursor is; nil if that is not simply the width of what stands between.
  private func cursorColumn() -> Int? {
    guard notiflux_rl_prompt_is_borrowed() == 0 else { return nil }
    let line = String(cString: notiflux_rl_line())
    let typed = String(decoding: line.utf8.prefix(Int(notiflux_rl_point())), as: UTF8.self)
    guard !typed.unicodeScalars.contains(where: { $0.value < 0x20 }) else { return nil }
    return (Prompt.visible(in: prompt) + typed).unicodeScalars.reduce(0) { columns, scalar in
      columns + Int(notiflux_columns(scalar.value))
    }
  }

  private func screenColumns() -> Int? {
    var (rows, columns): (Int32, Int32) = (0, 0)
    rl_get_screen_size(&rows, &columns)
    return columns > 0 ? Int(columns) : nil
  }

  /// Whether the terminal is one of those that follow ECMA-48.
  private func hasEscapeSequences() -> Bool {
    rl_get_termcap("ce").map { String(cString: $0).hasPrefix("\u{1B}[K") } ?? false
  }

  private func suspend() {
    if isEditing {
      rl_echo_signal_char(SIGTSTP)
      notiflux_rl_flush()
      rl_cleanup_after_signal()
    }
    signals?.suspendProcess()
    rl_reset_screen_size()
    if isEditing {
      rl_reset_after_signal()
      rl_forced_update_display()
    }
  }

  /// After a stop that could not be seen coming (`SIGSTOP`) the modes of the terminal may be another's.
  private func resume() {
    guard isEditing else { return }
    rl_cleanup_after_signal()
    rl_reset_after_signal()
    rl_crlf()
    rl_forced_update_display()
  }

  // MARK: History

  private func recallHistory() {
    using_history()
    clear_history()
    stifle_history(Int32(clamping: editor.history?.limit ?? 1000))
    do throws(HistoryFile.Failure) {
      for entry in try editor.history?.load() ?? [] { add_history(entry) }
    } catch {
      reportBrokenHistory(error)
    }
  }

  /// An empty line and a repetition are not worth an entry.
  private func remember(_ line: String) {
    guard !line.isEmpty, !line.utf8.elementsEqual(lastEntry.utf8) else { return }
    lastEntry = line
    add_history(line)
    guard let history = editor.history, let entry = editor.redact(line), !isHistoryBroken else { return }
    do throws(HistoryFile.Failure) {
      try history.append(entry)
    } catch {
      reportBrokenHistory(error)
    }
  }

  private func reportBrokenHistory(_ failure: HistoryFile.Failure) {
    isHistoryBroken = true
    writeOut("\(failure)\n")
  }

  // MARK: Completion

  /// An array for readline to free: what replaces the word, then the candidates if there are several.
  fileprivate func matches(
    for word: UnsafePointer<CChar>?, at wordStart: Int32
  ) -> UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? {
    notiflux_rl_no_file_names()
    let word = word.map { String(cString: $0) } ?? ""
    let candidates = editor.complete(String(cString: notiflux_rl_line()), Int(wordStart), word)
    guard let matches = CompletionMatches(of: candidates, for: word) else { return nil }
    let texts = [matches.commonPrefix] + (matches.candidates.count > 1 ? matches.candidates : [])
    let size = (texts.count + 1) * MemoryLayout<UnsafeMutablePointer<CChar>?>.stride
    guard let memory = calloc(1, size) else { return nil }
    let array = memory.bindMemory(to: UnsafeMutablePointer<CChar>?.self, capacity: texts.count + 1)
    for (index, text) in texts.enumerated() { array[index] = strdup(text) }
    return array
  }
}

/// The session whose thread readline belongs to: its callbacks carry no context. Touched by that thread alone.
nonisolated(unsafe) private var running: EditorSession?

private func setUpReadline() {
  // Without a locale in the environment text is taken for UTF-8, as everywhere else in the program.
  _ = setlocale(LC_CTYPE, "")
  if notiflux_rl_is_eight_bit() != 0 { _ = setlocale(LC_CTYPE, "C.UTF-8") }
  notiflux_rl_set_up(
    { word, start, _ in running?.matches(for: word, at: start) }, { _ in running?.readByte() ?? EOF })
  // Readline holds to a locale that is set to C; bytes above 127 must pass through all the same.
  if notiflux_rl_is_eight_bit() != 0 {
    rl_variable_bind("input-meta", "on")
    rl_variable_bind("output-meta", "on")
    rl_variable_bind("convert-meta", "off")
  }
}

/// Runs the body on a new thread, or here if there can be no more threads.
private func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  let box = Unmanaged.passRetained(Box(body))
  var thread = pthread_t()
  let code = pthread_create(
    &thread, nil,
    { context in
      if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
      return nil
    }, box.toOpaque())
  if code == 0 { pthread_detach(thread) } else { box.takeRetainedValue().body() }
}
