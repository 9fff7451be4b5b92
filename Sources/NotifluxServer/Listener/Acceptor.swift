import NIOCore

/// The event loops of a server, and the listening socket whose connections are dealt to them.
protocol Acceptor: Sendable {
  /// One a worker.
  var loops: [any WorkerLoop] { get }

  /// Binds, and accepts from now on; the i-th worker is that of the i-th loop. Returns the address with the port that
  /// was really taken. Throws what kept it from binding.
  func listen(workers: [LoopBound<Worker>]) async throws -> SocketAddress

  /// Accepts nothing more; connections live on.
  func stopListening() async

  /// Ends the loops, once all connections are closed.
  func stop() async

  /// By which system calls output leaves, for people.
  var outputMethod: String { get async }
}
