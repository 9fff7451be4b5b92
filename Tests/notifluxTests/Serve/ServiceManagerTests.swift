import Glibc
import Logging
import NIOConcurrencyHelpers
import Testing

@testable import notiflux

@Suite("A service manager")
struct ServiceManagerTests {
  private let log = LogRecord()

  private func makeManager(
    _ socketName: String?, watchdog: String? = nil, process: String? = nil
  ) -> ServiceManager? {
    ServiceManager(
      socketName: socketName, watchdogMicroseconds: watchdog, watchdogProcess: process,
      logger: Logger(label: "test") { _ in RecordingLog(record: log) })
  }

  @Test("is told by one datagram, by a path and in the abstract namespace", arguments: [false, true])
  func datagram(isAbstract: Bool) throws {
    let socket = try DatagramSocket(isAbstract: isAbstract)
    let manager = try #require(makeManager(socket.name))
    #expect(manager.tell(.ready(url: "http://127.0.0.1:8080")))
    #expect(socket.receive() == "READY=1\nSTATUS=listening on http://127.0.0.1:8080")
    #expect(socket.receive() == nil)
    #expect(log.lines == [])
  }

  @Test("is not there without a socket")
  func none() {
    #expect(makeManager(nil, watchdog: "1000000") == nil)
    #expect(makeManager("") == nil)
  }

  @Test(
    "that cannot be reached is named in a warning",
    arguments: ["/nowhere/notify", "vsock:2:1234", "@no-one-listens"])
  func unreachable(name: String) throws {
    #expect(try !#require(makeManager(name)).tell(.alive))
    #expect(log.lines.count == 1)
    #expect(try #require(log.lines.first).contains("cannot be told"))
    #expect(try #require(log.lines.first).contains(name))
  }

  @Test("with a path that no socket can have is one that cannot be reached")
  func longPath() throws {
    #expect(try !#require(makeManager("/" + String(repeating: "x", count: 107))).tell(.alive))
  }

  @Test("has a watchdog where an interval is given, and this process or none is named")
  func watchdog() throws {
    let ours = "\(getpid())"
    #expect(try #require(makeManager("@x", watchdog: "3000000")).watchdogInterval == .seconds(3))
    #expect(try #require(makeManager("@x", watchdog: "3000000", process: ours)).watchdogInterval == .seconds(3))
    #expect(try #require(makeManager("@x", watchdog: "3000000", process: "1")).watchdogInterval == nil)
    for text in ["0", "-1", "soon", ""] {
      #expect(try #require(makeManager("@x", watchdog: text)).watchdogInterval == nil)
    }
  }

  @Test("hears of every step")
  func words() throws {
    #expect(ServiceNews.reloaded.text == "READY=1")
    #expect(
      ServiceNews.stopping(connections: 3, limit: .seconds(20)).text
        == "STOPPING=1\nSTATUS=draining 3 connections\nEXTEND_TIMEOUT_USEC=30000000")
    let reloading = ServiceNews.reloading.text
    #expect(reloading.hasPrefix("RELOADING=1\nMONOTONIC_USEC="))
    #expect(try #require(Int(reloading.split(separator: "=")[2])) > 0)
  }

  @Test("gets a ping for each turn, and none before it")
  func pings() async throws {
    let socket = try DatagramSocket()
    let manager = try #require(makeManager(socket.name, watchdog: "2000000"))
    let turns = AsyncStream.makeStream(of: Void.self)
    let waiting = AsyncStream.makeStream(of: Void.self)
    let pauses = NIOLockedValueBox<[Duration]>([])
    let watchdog = Task {
      var turn = turns.stream.makeAsyncIterator()
      await manager.keepWatchdogQuiet(pause: { pause in
        pauses.withLockedValue { $0.append(pause) }
        try Task.checkCancellation()
      }) {
        waiting.continuation.yield()
        await turn.next()
      }
    }
    var asked = waiting.stream.makeAsyncIterator()
    for _ in 0..<3 {
      await asked.next()
      #expect(socket.receive() == nil)
      turns.continuation.yield()
      #expect(await socket.next() == "WATCHDOG=1")
    }
    await asked.next()
    watchdog.cancel()
    turns.continuation.finish()
    await watchdog.value
    #expect(pauses.withLockedValue { $0.allSatisfy { $0 == .seconds(1) } && $0.count == 4 })
  }

  @Test("that does not ask for pings gets none")
  func noPings() async throws {
    let socket = try DatagramSocket()
    let manager = try #require(makeManager(socket.name))
    await manager.keepWatchdogQuiet { Issue.record("nobody asked for a turn") }
    #expect(socket.receive() == nil)
  }
}

/// What was logged.
private final class LogRecord: Sendable {
  private let box = NIOLockedValueBox<[String]>([])
  var lines: [String] { box.withLockedValue { $0 } }
  func append(_ line: String) { box.withLockedValue { $0.append(line) } }
}

private struct RecordingLog: LogHandler {
  let record: LogRecord
  var logLevel: Logger.Level = .trace
  var metadata: Logger.Metadata = [:]

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) { record.append("\(event.level) \(event.message) \(event.metadata ?? [:])") }
}
