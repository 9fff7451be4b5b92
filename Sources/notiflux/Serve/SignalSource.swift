import Glibc

/// Signals as a stream of values, taken by a thread of its own: no code of ours runs in a signal handler.
enum SignalSource {
  /// From now on these signals do nothing but come out of the stream. To be called before other threads start, since
  /// they inherit what is blocked.
  static func stream(of signals: [Int32]) -> AsyncStream<Int32> {
    var set = sigset_t()
    sigemptyset(&set)
    for signal in signals { sigaddset(&set, signal) }
    pthread_sigmask(SIG_BLOCK, &set, nil)
    return AsyncStream { continuation in
      let box = Unmanaged.passRetained(Waiter(set: set, continuation: continuation))
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { context in
          if let context { Unmanaged<Waiter>.fromOpaque(context).takeRetainedValue().wait() }
          return nil
        }, box.toOpaque())
      if code != 0 { box.release() }
    }
  }

  private final class Waiter {
    private var set: sigset_t
    private let continuation: AsyncStream<Int32>.Continuation

    init(set: sigset_t, continuation: AsyncStream<Int32>.Continuation) {
      self.set = set
      self.continuation = continuation
    }

    func wait() {
      var signal: Int32 = 0
      while sigwait(&set, &signal) == 0 {
        if case .terminated = continuation.yield(signal) { return }
      }
    }
  }
}
