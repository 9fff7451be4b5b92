import Dispatch
import NIOConcurrencyHelpers

/// The bridge from the synchronous commands to those that wait for a network.
enum Blocking {
  /// Runs `body` and blocks this thread, which must be the main one, until it is done.
  static func wait<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) throws -> Result {
    let done = DispatchSemaphore(value: 0)
    let outcome = Outcome<Result>()
    Task.detached {
      let result: Swift.Result<Result, any Error>
      do { result = .success(try await body()) } catch { result = .failure(error) }
      outcome.value.withLockedValue { $0 = result }
      done.signal()
    }
    done.wait()
    guard let result = outcome.value.withLockedValue({ $0 }) else { throw CancellationError() }
    return try result.get()
  }

  private final class Outcome<Result: Sendable>: Sendable {
    let value = NIOLockedValueBox<Swift.Result<Result, any Error>?>(nil)
  }
}
