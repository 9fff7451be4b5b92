import CLinux
import Glibc

/// Threads that do jobs in the order in which they were given, away from the event loops, and end when told to.
///
/// `@unchecked Sendable`: `threads` is changed by `init` and by the one `stop` that finds it full, under the lock of the
/// queue.
final class BackgroundThreads<Job: Sendable>: @unchecked Sendable {
  private let queue: JobQueue<Job>
  private var threads: [pthread_t] = []

  /// Starts the threads; fewer than `count` if the system gives no more. `niceness` is added to their nice value: event
  /// loops go first where cores are short. Each does `work` until the queue is closed.
  init(count: Int, name: String, niceness: Int32, work: @escaping @Sendable (JobQueue<Job>) -> Void) {
    queue = JobQueue()
    let queue = queue
    for _ in 0..<count {
      var thread = pthread_t()
      let start = Unmanaged.passRetained(ThreadStart(name: name, niceness: niceness) { work(queue) })
      let code = pthread_create(&thread, nil, { ThreadStart.run($0) }, start.toOpaque())
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

  func submit(_ job: Job) { queue.append(job) }

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
}

/// What a new thread is given.
private final class ThreadStart: Sendable {
  private let name: String
  private let niceness: Int32
  private let work: @Sendable () -> Void

  init(name: String, niceness: Int32, work: @escaping @Sendable () -> Void) {
    self.name = name
    self.niceness = niceness
    self.work = work
  }

  static func run(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let context else { return nil }
    let start = Unmanaged<ThreadStart>.fromOpaque(context).takeRetainedValue()
    notiflux_name_thread(pthread_self(), start.name)
    notiflux_yield_to_others(start.niceness)
    start.work()
    return nil
  }
}
