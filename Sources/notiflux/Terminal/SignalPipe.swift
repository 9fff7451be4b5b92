import Glibc
import Synchronization

/// Signals as bytes in a pipe, so that a loop can `poll` for them and nothing but one `write` runs in a handler.
///
/// Handlers belong to the process: there is at most one open pipe at a time, confined to the thread that made it. A signal that was ignored when the program
/// started (by `nohup`, or in a background job of a script) stays ignored.
final class SignalPipe {
  /// The end to poll and to read from, non-blocking.
  let descriptor: Int32
  private let writeEnd: Int32
  private var unblocked = sigset_t()
  private var previousMask = sigset_t()
  private var previous: [(signal: Int32, action: sigaction)] = []

  /// Nil if the process has no descriptors left or another pipe is open.
  init?(_ signals: [Int32]) {
    guard let ends = makePipe() else { return nil }
    let (exchanged, _) = openWriteEnd.compareExchange(
      expected: -1, desired: ends.write, ordering: .sequentiallyConsistent)
    guard exchanged else {
      close(ends.read)
      close(ends.write)
      return nil
    }
    descriptor = ends.read
    writeEnd = ends.write
    sigemptyset(&unblocked)
    for signal in signals {
      sigaddset(&unblocked, signal)
      catchSignal(signal)
    }
    // The worker threads of Swift concurrency block all signals, and so do threads started by them.
    pthread_sigmask(SIG_UNBLOCK, &unblocked, &previousMask)
  }

  deinit {
    pthread_sigmask(SIG_SETMASK, &previousMask, nil)
    for (signal, action) in previous {
      var action = action
      sigaction(signal, &action, nil)
    }
    openWriteEnd.store(-1, ordering: .sequentiallyConsistent)
    close(writeEnd)
    close(descriptor)
  }

  private func catchSignal(_ signal: Int32) {
    var before = sigaction()
    sigaction(signal, nil, &before)
    guard unsafeBitCast(before.__sigaction_handler.sa_handler, to: Int.self) != unsafeBitCast(SIG_IGN, to: Int.self)
    else {
      return
    }
    previous.append((signal, before))
    setHandler(noteSignal, for: signal)
  }

  /// The signals that came since the last call, oldest first.
  func take() -> [Int32] { takeBytes(from: descriptor).map(Int32.init) }

  /// Stops the process as an uncaught `SIGTSTP` does, and returns when it is continued; at once where nobody could
  /// continue it (an orphaned process group). The `SIGCONT` that wakes it does not show up in `take()`.
  func suspendProcess() {
    let caught = [SIGTSTP, SIGCONT].filter { signal in previous.contains { $0.signal == signal } }
    for signal in caught { setHandler(SIG_DFL, for: signal) }
    raise(SIGTSTP)
    for signal in caught { setHandler(noteSignal, for: signal) }
  }
}

/// The write end for `noteSignal`, -1 while no pipe is open.
private let openWriteEnd = Atomic<Int32>(-1)

private func noteSignal(_ signal: Int32) {
  let before = errno
  var byte = UInt8(truncatingIfNeeded: signal)
  _ = write(openWriteEnd.load(ordering: .relaxed), &byte, 1)
  errno = before
}

private func setHandler(_ handler: (@convention(c) (Int32) -> Void)?, for signal: Int32) {
  var action = sigaction()
  action.__sigaction_handler.sa_handler = handler
  sigaction(signal, &action, nil)
}

/// A pipe whose ends are non-blocking and not inherited by other programs; nil if there are no descriptors left.
func makePipe() -> (read: Int32, write: Int32)? {
  var ends: [Int32] = [-1, -1]
  guard pipe(&ends) == 0 else { return nil }
  for end in ends {
    _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    _ = fcntl(end, F_SETFL, O_NONBLOCK)
  }
  return (ends[0], ends[1])
}

/// All bytes that wait in a non-blocking pipe.
func takeBytes(from descriptor: Int32) -> [UInt8] {
  var taken: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 512)
  while true {
    let count = read(descriptor, &chunk, chunk.count)
    if count > 0 {
      taken += chunk[..<count]
    } else if count == 0 || errno != EINTR {
      return taken
    }
  }
}
