import NIOCore
import NIOPosix

/// The threads of a run, as they are reached from outside.
struct Generator: Sendable {
  private let group: MultiThreadedEventLoopGroup
  private let threads: [(eventLoop: any EventLoop, thread: NIOLoopBound<GeneratorThread>)]

  static func start(_ plan: LoadPlan, threads count: Int, control: RunControl) async throws -> Generator {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: count)
    var threads: [(eventLoop: any EventLoop, thread: NIOLoopBound<GeneratorThread>)] = []
    for index in 0..<count {
      let eventLoop = group.next()
      let thread = try await eventLoop.submit {
        let thread = GeneratorThread(index: index, plan: plan, control: control, eventLoop: eventLoop)
        return NIOLoopBound(thread, eventLoop: eventLoop)
      }.get()
      threads.append((eventLoop, thread))
    }
    return Generator(group: group, threads: threads)
  }

  /// Runs `body` on each thread; returns what it returned, by thread.
  func each<Value: Sendable>(_ body: @escaping @Sendable (GeneratorThread) -> Value) async throws -> [Value] {
    let futures = threads.map { eventLoop, thread in eventLoop.submit { body(thread.value) } }
    var values: [Value] = []
    for future in futures { values.append(try await future.get()) }
    return values
  }

  var threadCount: Int { threads.count }

  /// Closes every connection.
  func shutDown() async { try? await group.shutdownGracefully() }
}
