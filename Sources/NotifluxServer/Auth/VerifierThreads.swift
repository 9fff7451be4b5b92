import CLinux
import Glibc

/// Threads that do jobs in the order in which they were given, away from the event loops, and end when told to.
///
/// `@unchecked Sendable`: `threads` is changed by `init` and by the one `stop` that finds it full, under the lock of the
/// queue.
final class VerifierThreads: @unchecked Sendable {
  private let queue: CheckQueue
  private var threads: [pthread_t] = []

  /// Starts the threads; fewer than `count` if the system gives no more.
  init(count: Int, work: @escaping @Sendable (CheckQueue) -> Void) {
    queue = CheckQueue()
    for _ in 0..<count {
      var thread = pthread_t()
      let start = Unmanaged.passRetained(Start(queue: queue, work: work))
      let code = pthread_create(&thread, nil, { Start.run($0) }, start.toOpaque())
      guard code == 0 else {
        start.release()
        break
      }
      threads.append(thread)
    }
  }

  deinit { stop() }

  /// Whether there is a thread to do jobs.
  var isEmpty: Bool { queue.lock { threads.isEmpty } }

  func submit(_ check: TokenRegister.Check) { queue.append(check) }

  /// Returns when the threads have ended; each finishes the job it is at, the others are dropped. Any number of times.
  func stop() {
    queue.close()
    let ending = queue.lock {
      defer { threads = [] }
      return threads
    }
    for thread in ending {
      // The last owner of all this may be one of the threads: it cannot wait for itself.
      if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
    }
  }

  /// What a new thread is given.
  private final class Start: Sendable {
    let queue: CheckQueue
    let work: @Sendable (CheckQueue) -> Void

    init(queue: CheckQueue, work: @escaping @Sendable (CheckQueue) -> Void) {
      self.queue = queue
      self.work = work
    }

    static func run(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
      guard let context else { return nil }
      let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
      notiflux_name_thread(pthread_self(), "token-verifier")
      // On Linux a nice value belongs to the thread that sets it. Without it all works, only less evenly.
      let thread = __priority_which_t(PRIO_PROCESS.rawValue)
      _ = setpriority(thread, 0, getpriority(thread, 0) + AuthLimits.niceness)
      start.work(start.queue)
      return nil
    }
  }
}
