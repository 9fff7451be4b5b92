import Glibc

/// Jobs that wait for a background thread, first come, first served. Any thread.
///
/// `@unchecked Sendable`: everything that changes does so under `mutex`.
final class JobQueue<Job: Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  /// Signalled for every job, and for all when the queue is closed.
  private let change = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var jobs = Ring<Job>()
  private var isClosed = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(change, nil)
  }

  deinit {
    pthread_cond_destroy(change)
    pthread_mutex_destroy(mutex)
    change.deallocate()
    mutex.deallocate()
  }

  /// Without effect once the queue is closed.
  func append(_ job: Job) {
    lock { if !isClosed { jobs.append(job) } }
    pthread_cond_signal(change)
  }

  /// The next job; nil when there is none now, or, if it was to wait for one, when the queue is closed.
  func next(waiting: Bool) -> Job? {
    lock {
      while waiting && jobs.isEmpty && !isClosed { pthread_cond_wait(change, mutex) }
      return jobs.removeFirst()
    }
  }

  /// Drops what waits and lets nothing more in.
  func close() {
    lock {
      isClosed = true
      jobs = Ring()
    }
    pthread_cond_broadcast(change)
  }

  func lock<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}
