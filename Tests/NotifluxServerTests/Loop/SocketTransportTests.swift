import Glibc
import NIOCore
import NotifluxProtocol
import Synchronization
import Testing

@testable import NotifluxServer

/// Sockets on a reactor of their own, whose other ends the test holds.
@Suite struct SocketTransportTests {
  /// A connection on the reactor, and the descriptor of its peer, which blocks.
  private struct Pair {
    let reactor: Reactor
    let recorder: LoopBound<ConnectionRecorder>
    let peer: Int32

    func on<Result: Sendable>(_ body: @escaping @Sendable (ConnectionRecorder) -> Result) async throws -> Result {
      let recorder = recorder
      guard let result = await reactor.run({ body(recorder.value) }) else { throw TestFailure("the loop has ended") }
      return result
    }

    func read(_ count: Int) throws -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      var got = 0
      while got < count {
        let result = bytes[got...].withUnsafeMutableBytes { recv(peer, $0.baseAddress, $0.count, 0) }
        guard result > 0 else { throw TestFailure("the stream ends after \(got) of \(count) bytes") }
        got += result
      }
      return bytes
    }

    /// Waits for the loop to have seen `event`; each look is a turn of the loop.
    func await(_ event: String) async throws {
      while try await !on({ $0.events.contains(event) }) {
        try Task.checkCancellation()
        await Task.yield()
      }
    }
  }

  /// Two ends of a stream. TCP says that it has room again only to who found it full, which a local socket always does.
  private enum Stream {
    case local, tcp

    func ends() throws -> [Int32] {
      var ends: [Int32] = [-1, -1]
      guard case .tcp = self else {
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return ends
      }
      let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      defer { Glibc.close(listener) }
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = in_addr_t(INADDR_LOOPBACK).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      ends[1] = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      let peer = ends[1]
      let isConnected = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
          bind(listener, address, length) == 0 && listen(listener, 1) == 0
            && getsockname(listener, address, &length) == 0 && connect(peer, address, length) == 0
        }
      }
      ends[0] = accept(listener, nil, nil)
      var patience = timeval(tv_sec: 20, tv_usec: 0)
      setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
      guard isConnected, ends[0] >= 0 else { throw TestFailure("no connection: \(errno)") }
      return ends
    }
  }

  private func withPair(
    _ stream: Stream = .local, allowsRing: Bool, _ body: (Pair) async throws -> Void
  ) async throws {
    let reactor = try Reactor(name: "test", allowsRing: allowsRing)
    let ends = try stream.ends()
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    let count = ConnectionCount(limit: 10)
    _ = count.enter(.unknown)
    let descriptor = ends[0]
    let recorder = await reactor.run { () -> LoopBound<ConnectionRecorder>? in
      let loop: any WorkerLoop = reactor
      let hub = Hub(
        epoch: "e", history: HistoryLimits(messagesPerTopic: 0, lifetime: 0, bytes: 0), mailboxes: [], uptime: { 0 })
      let authorizer = Authorizer(keys: [], leeway: 0, threads: 1, now: { 0 })
      let services = Services(
        hub: hub, authorizer: authorizer, logger: .init(label: "test"), connections: count, now: { 0 })
      let worker = Worker(
        configuration: ServerConfiguration(keys: []), services: services, hub: LoopHub(), loop: loop)
      let recorder = ConnectionRecorder(worker: worker)
      guard let transport = try? SocketTransport(descriptor: descriptor, client: .unknown, reactor: reactor)
      else { return nil }
      recorder.takeOver(transport)
      return LoopBound(recorder, loop: loop)
    }
    let pair = Pair(reactor: reactor, recorder: try #require(recorder ?? nil), peer: ends[1])
    do { try await body(pair) } catch { Issue.record(error) }
    _ = try await pair.on { $0.transport?.close() }
    #expect(count.value == 0, "every way to an end gives the connection back")
    await reactor.stop()
    Glibc.close(ends[1])
  }

  @Test("what is written in one turn arrives joined and in order, by either way of sending", arguments: [true, false])
  func order(allowsRing: Bool) async throws {
    try await withPair(allowsRing: allowsRing) { pair in
      let expected = (0..<100).flatMap { Array("piece \($0);".utf8) }
      try await pair.on { recorder in
        for number in 0..<100 { recorder.transport?.write(ByteBuffer(string: "piece \(number);")) }
        #expect(recorder.transport?.unsentBytes == expected.count)
        recorder.transport?.flush()
      }
      #expect(try pair.read(expected.count) == expected)
      #expect(try await pair.on { $0.transport?.unsentBytes } == 0)
    }
  }

  @Test("what the socket does not take waits and arrives whole and in order", arguments: [true, false])
  func backlog(allowsRing: Bool) async throws {
    try await withPair(allowsRing: allowsRing) { pair in
      let pieces = (0..<64).map { piece in [UInt8](repeating: UInt8(piece), count: 40_000 + piece) }
      try await pair.on { recorder in
        for piece in pieces.prefix(32) { recorder.transport?.write(ByteBuffer(bytes: piece)) }
        recorder.transport?.flushNow()
        #expect(recorder.transport?.isWritable == false)
      }
      try await pair.on { recorder in
        for piece in pieces.suffix(32) { recorder.transport?.write(ByteBuffer(bytes: piece)) }
      }
      let expected = pieces.flatMap { $0 }
      #expect(try pair.read(expected.count) == expected)
      try await pair.await("writable")
      #expect(try await pair.on { $0.transport?.unsentBytes } == 0)
    }
  }

  @Test(
    "who has written much is told when it may go on, even where the socket takes all at once", .timeLimit(.minutes(1)))
  func muchAtOnce() async throws {
    try await withPair(allowsRing: true) { pair in
      try await pair.on { recorder in
        recorder.transport?.write(ByteBuffer(repeating: 1, count: WaterMark.high))
        #expect(recorder.transport?.isWritable == false)
      }
      try await pair.await("writable")
      #expect(try pair.read(WaterMark.high).count == WaterMark.high)
    }
  }

  /// One more connection on the pair's loop, and its peer.
  private func add(to pair: Pair, _ stream: Stream) async throws -> Pair {
    let (reactor, ends) = (pair.reactor, try stream.ends())
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    let descriptor = ends[0]
    let recorder = try await pair.on { first -> LoopBound<ConnectionRecorder>? in
      guard first.worker.services.connections.enter(.unknown) == .welcome,
        let transport = try? SocketTransport(descriptor: descriptor, client: .unknown, reactor: reactor)
      else { return nil }
      let recorder = ConnectionRecorder(worker: first.worker)
      recorder.takeOver(transport)
      return LoopBound(recorder, loop: reactor)
    }
    return Pair(reactor: reactor, recorder: try #require(recorder), peer: ends[1])
  }

  /// What is unsent, turn after turn of the loop. Used on the loop, read after the last turn.
  private final class Ledger: @unchecked Sendable {
    var turns: [[Int]] = []
  }

  @Test("much output of several sockets is sent by turns, so much in each turn of the loop", .timeLimit(.minutes(1)))
  func muchOutput() async throws {
    let message = [UInt8](repeating: 7, count: 1 << 20)
    try await withPair(.tcp, allowsRing: true) { first in
      var pairs = [first]
      for _ in 0..<4 { pairs.append(try await add(to: first, .tcp)) }
      let (reactor, recorders, ledger) = (first.reactor, pairs.map(\.recorder), Ledger())
      @Sendable func writeDown() {
        let unsent = recorders.map { $0.value.transport?.unsentBytes ?? 0 }
        ledger.turns.append(unsent)
        if unsent.contains(where: { $0 > 0 }), ledger.turns.count < 1_000_000 { reactor.executeIsolated(writeDown) }
      }
      try await first.on { _ in
        for recorder in recorders { recorder.value.transport?.write(ByteBuffer(bytes: message)) }
        reactor.executeIsolated(writeDown)
      }
      // All read at the same time, as no socket's buffers hold the whole.
      try await withThrowingTaskGroup(of: Void.self) { group in
        for pair in pairs {
          group.addTask {
            let got = try pair.read(message.count)
            #expect(got == message)
          }
        }
        try await group.waitForAll()
      }
      while try await first.on({ _ in ledger.turns.last?.contains { $0 > 0 } ?? true }) { await Task.yield() }
      let turns = try await first.on { _ in ledger.turns }
      for (before, after) in zip(turns, turns.dropFirst()) {
        let sent = zip(before, after).map { $0 - $1 }
        #expect(sent.allSatisfy { (0...BacklogShare.socket).contains($0) }, "each in its turn: \(sent)")
        #expect(sent.reduce(0, +) <= BacklogShare.turn)
      }
      #expect(turns.count > 5 * message.count / BacklogShare.turn)
      for pair in pairs.dropFirst() {
        _ = try await pair.on { $0.transport?.close() }
        Glibc.close(pair.peer)
      }
    }
  }

  @Test("a long piece that the socket takes without ever being full is sent to its end", .timeLimit(.minutes(1)))
  func neverFull() async throws {
    try await withPair(.tcp, allowsRing: true) { pair in
      let message = [UInt8](repeating: 7, count: 2 * BacklogShare.socket)
      try await pair.on { $0.transport?.write(ByteBuffer(bytes: message)) }
      #expect(try pair.read(message.count) == message)
      #expect(try await pair.on { $0.transport?.unsentBytes } == 0)
    }
  }

  @Test("a turn of the loop reads each socket once, and all together four times more", .timeLimit(.minutes(1)))
  func fairInput() async throws {
    /// How often sockets were read, turn after turn. Used on the loop.
    final class Reads: @unchecked Sendable {
      var turns: [[Int: Int]] = [[:]]
      var isEnding = false
    }
    try await withPair(.tcp, allowsRing: true) { first in
      let pairs = [first, try await add(to: first, .tcp), try await add(to: first, .tcp)]
      let (reactor, recorders, reads) = (first.reactor, pairs.map(\.recorder), Reads())
      // As much as the kernel holds, which is many reads of each.
      let chunk = [UInt8](repeating: 7, count: Reactor.receiveCapacity)
      var sent = [0, 0, 0]
      for (place, pair) in pairs.enumerated() {
        try await pair.on {
          $0.onReceived = { _ in reads.turns[reads.turns.count - 1][place, default: 0] += 1 }
          $0.transport?.pauseReading()
        }
        while sent[place] < 8_000_000 {
          let count = send(pair.peer, chunk, chunk.count, Int32(MSG_DONTWAIT))
          guard count > 0 else { break }
          sent[place] += count
        }
        try #require(sent[place] > 20 * chunk.count)
      }
      @Sendable func endTurn() {
        reads.turns.append([:])
        if !reads.isEnding { reactor.executeIsolated(endTurn) }
      }
      try await first.on { _ in
        for recorder in recorders { recorder.value.transport?.resumeReading() }
        endTurn()
      }
      for (pair, count) in zip(pairs, sent) {
        while try await pair.on({ $0.input.count < count }) { await Task.yield() }
      }
      let turns = try await first.on { _ in
        reads.isEnding = true
        return reads.turns
      }
      // From one of these tasks to the next it is parts of two turns: each socket may have its read of both.
      let limit = 2 * (pairs.count + 4)
      #expect(turns.allSatisfy { $0.values.reduce(0, +) <= limit }, "\(turns)")
      for pair in pairs.dropFirst() {
        _ = try await pair.on { $0.transport?.close() }
        Glibc.close(pair.peer)
      }
    }
  }

  @Test("a close offers what was written before, and the peer sees the end after it")
  func closeAfterWrite() async throws {
    try await withPair(allowsRing: true) { pair in
      try await pair.on { recorder in
        recorder.transport?.write(ByteBuffer(string: "last words"))
        recorder.transport?.close()
        #expect(recorder.transport == nil)
        #expect(recorder.events == ["disconnected"])
      }
      #expect(try pair.read(10) == Array("last words".utf8))
      var byte: UInt8 = 0
      #expect(recv(pair.peer, &byte, 1, 0) == 0)
    }
  }

  @Test("an end of output comes after everything that waited, and input still arrives")
  func finishOutput() async throws {
    try await withPair(allowsRing: true) { pair in
      let bytes = [UInt8](repeating: 7, count: 1 << 20)
      try await pair.on { recorder in
        recorder.transport?.write(ByteBuffer(bytes: bytes))
        recorder.transport?.finishOutput()
        recorder.transport?.write(ByteBuffer(string: "too late"))
      }
      #expect(try pair.read(bytes.count) == bytes)
      var byte: UInt8 = 0
      #expect(recv(pair.peer, &byte, 1, 0) == 0)
      #expect(send(pair.peer, "x", 1, 0) == 1)
      while try await pair.on({ $0.input.isEmpty }) { await Task.yield() }
      #expect(try await pair.on { $0.transport != nil })
    }
  }

  @Test("nothing is read while reading is paused, and everything after it is resumed")
  func pause() async throws {
    try await withPair(allowsRing: true) { pair in
      try await pair.on { $0.onReceived = { $0.transport?.pauseReading() } }
      #expect(send(pair.peer, "a", 1, 0) == 1)
      while try await pair.on({ $0.input.isEmpty }) { await Task.yield() }
      #expect(send(pair.peer, "b", 1, 0) == 1)
      for _ in 0..<20 { try await pair.on { _ in } }
      #expect(try await pair.on { $0.input } == Array("a".utf8))
      try await pair.on {
        $0.onReceived = { _ in }
        $0.transport?.resumeReading()
      }
      while try await pair.on({ $0.input.count < 2 }) { await Task.yield() }
      #expect(try await pair.on { $0.input } == Array("ab".utf8))
    }
  }

  @Test("more than one buffer of input arrives whole, and then the end")
  func muchInput() async throws {
    try await withPair(allowsRing: true) { pair in
      let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
      let peer = pair.peer
      let sender = Task.detached {
        var sent = 0
        while sent < bytes.count {
          let result = bytes[sent...].withUnsafeBytes { send(peer, $0.baseAddress, $0.count, 0) }
          guard result > 0 else { break }
          sent += result
        }
        shutdown(peer, Int32(SHUT_WR))
        return sent
      }
      #expect(await sender.value == bytes.count)
      try await pair.await("disconnected")
      #expect(try await pair.on { $0.input } == bytes)
      #expect(try await pair.on { $0.events } == ["ended", "disconnected"])
    }
  }

  @Test("a peer that is gone ends the connection once, whoever finds out", arguments: [true, false])
  func deadPeer(allowsRing: Bool) async throws {
    try await withPair(allowsRing: allowsRing) { pair in
      shutdown(pair.peer, Int32(SHUT_RD))
      try await pair.on { $0.transport?.write(ByteBuffer(string: "into the void")) }
      try await pair.await("disconnected")
      try await pair.on { $0.transport?.write(ByteBuffer(string: "again")) }
      #expect(try await pair.on { $0.events } == ["disconnected"])
    }
  }

  /// Enough sockets for a submission to io_uring, and more than one submission takes.
  @Test("a turn's output for many sockets reaches each whole, whatever one of them takes", arguments: [true, false])
  func many(allowsRing: Bool) async throws {
    try await withPair(allowsRing: allowsRing) { pair in
      var peers: [Int32] = []
      var ends: [Int32] = []
      for _ in 0..<300 {
        var both: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &both) == 0)
        _ = fcntl(both[0], F_SETFL, O_NONBLOCK)
        ends.append(both[0])
        peers.append(both[1])
      }
      defer { for peer in peers { Glibc.close(peer) } }
      let (crowded, gone) = (17, 200)
      shutdown(peers[gone], Int32(SHUT_RDWR))
      func text(_ place: Int) -> [UInt8] {
        let line = Array("for socket \(place);".utf8)
        return place == crowded ? Array(repeatElement(line, count: 100_000).joined()) : line
      }
      let (reactor, descriptors, texts) = (pair.reactor, ends, (0..<300).map(text))
      let recorders = try await pair.on { first in
        let recorders = descriptors.compactMap { descriptor -> ConnectionRecorder? in
          guard let transport = try? SocketTransport(descriptor: descriptor, client: .unknown, reactor: reactor)
          else { return nil }
          let recorder = ConnectionRecorder(worker: first.worker)
          recorder.takeOver(transport)
          return recorder
        }
        _ = first.worker.services.connections.enter(.unknown)  // For the one that will be gone.
        for (recorder, text) in zip(recorders, texts) { recorder.transport?.write(ByteBuffer(bytes: text)) }
        #expect(recorders.allSatisfy { ($0.transport?.unsentBytes ?? 0) > 0 })
        return LoopBound(recorders, loop: reactor)
      }
      for place in peers.indices where place != gone {
        let mine = Pair(reactor: reactor, recorder: pair.recorder, peer: peers[place])
        let got = try mine.read(texts[place].count)
        #expect(got == texts[place], "socket \(place)")
      }
      while try await pair.on({ _ in recorders.value[gone].events.isEmpty }) { await Task.yield() }
      try await pair.on { first in
        let connections = first.worker.services.connections
        for recorder in recorders.value where recorder.transport != nil {
          _ = connections.enter(.unknown)
          #expect(recorder.transport?.unsentBytes == 0)
          recorder.transport?.close()
        }
      }
    }
  }
}
