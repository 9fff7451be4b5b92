import NIOCore

/// The event loops of a server, and the listening socket whose connections are dealt to them.
protocol Acceptor: Sendable {
  /// One a worker.
  var loops: [any WorkerLoop] { get }

  /// Binds, and accepts from now on; the i-th worker is that of the i-th loop. Returns the addresses with the ports that
  /// were really taken. Throws a ``ListenFailure``.
  func listen(workers: [LoopBound<Worker>]) async throws -> [SocketAddress]

  /// Accepts nothing more; connections live on.
  func stopListening() async

  /// Ends the loops, once all connections are closed.
  func stop() async

  /// By which system calls output leaves, for people.
  var outputMethod: String { get async }
}

/// What kept a server from listening.
public struct ListenFailure: Error {
  /// Where it was to listen.
  public let address: ListenAddress
  /// An `IOError` with the system's error number, or why a name could not be resolved.
  public let cause: any Error
}
