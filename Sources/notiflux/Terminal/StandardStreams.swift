import Glibc

/// Standard output and standard error: whole writes, a broken pipe as a value instead of a signal, and what is known
/// about the terminal behind them.
enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Why a write did not happen.
  enum Failure: Error, Equatable, CustomStringConvertible {
    /// The reader has gone. No error for a filter: the program ends quietly with status 0, as `head` expects of it.
    case brokenPipe
    /// Anything else, such as a full disk, with its `errno`.
    case failed(stream: StandardStream, code: Int32)

    var description: String {
      switch self {
      case .brokenPipe: "the reader of the output has gone"
      case .failed(.output, let code): "cannot write to standard output: \(errorText(code))"
      case .failed(.error, let code): "cannot write to standard error: \(errorText(code))"
      }
    }
  }

  /// Writes all bytes of the text, or throws; an interrupted or partial write goes on, a full non-blocking stream is
  /// waited for. Two writers of one stream are not kept apart.
  func write(_ text: String) throws(Failure) {
    var text = text
    let code = text.withUTF8 { writeFully(UnsafeRawBufferPointer($0), to: rawValue) }
    try check(code)
  }

  /// As `write(_:)`, for bytes.
  func write(_ bytes: some Collection<UInt8>) throws(Failure) {
    let code =
      bytes.withContiguousStorageIfAvailable { writeFully(UnsafeRawBufferPointer($0), to: rawValue) }
      ?? Array(bytes).withUnsafeBytes { writeFully($0, to: rawValue) }
    try check(code)
  }

  private func check(_ code: Int32) throws(Failure) {
    if code == EPIPE { throw .brokenPipe }
    if code != 0 { throw .failed(stream: self, code: code) }
  }

  /// Whether a terminal is behind the stream.
  var isTerminal: Bool { notiflux.isTerminal(rawValue) }

  /// Whether to colour what goes there.
  var wantsColour: Bool {
    Self.wantsColour(
      noColour: environmentValue("NO_COLOR"), terminal: environmentValue("TERM"), isTerminal: isTerminal)
  }

  /// Colour only on a terminal that knows it, and never against `NO_COLOR` (https://no-color.org: any value but an
  /// empty one).
  static func wantsColour(noColour: String?, terminal: String?, isTerminal: Bool) -> Bool {
    isTerminal && (noColour ?? "").isEmpty && terminal != nil && terminal != "" && terminal != "dumb"
  }

  /// The width of the terminal in columns; nil without a terminal or where it does not say.
  var columns: Int? {
    var size = winsize()
    guard ioctl(rawValue, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }
}

/// Whether the descriptor is a terminal.
func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

/// Lets writes to a closed pipe or socket fail with `EPIPE` instead of ending the process. Process-wide; called once, at
/// the start.
func ignoreBrokenPipeSignal() { _ = signal(SIGPIPE, SIG_IGN) }

/// Opens those of the standard streams that are closed on `/dev/null`: else sockets would get their numbers, and what
/// is logged. To be called before anything is opened.
func openStandardStreams() {
  var descriptor: Int32
  repeat { descriptor = open("/dev/null", O_RDWR) } while (0...2).contains(descriptor)
  if descriptor > 2 { close(descriptor) }
}

/// The C library's text for an `errno`.
func errorText(_ code: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard let text = buffer.baseAddress, strerror_r(code, text, buffer.count) == 0 else { return "error \(code)" }
    return String(cString: text)
  }
}

/// Writes all of it; 0, or the `errno` of the write that failed.
func writeFully(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Int32 {
  var rest = bytes[...]
  while !rest.isEmpty {
    let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
    if count >= 0 {
      rest = rest.dropFirst(count)
    } else if errno == EAGAIN {
      awaitReady(descriptor, for: POLLOUT)
    } else if errno != EINTR {
      return errno
    }
  }
  return 0
}

/// Waits until the descriptor can be read or written, has ended, or a signal came.
func awaitReady(_ descriptor: Int32, for events: Int32) {
  var waiting = pollfd(fd: descriptor, events: Int16(events), revents: 0)
  _ = poll(&waiting, 1, -1)
}

private func environmentValue(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
