import Glibc
import Testing

@testable import NotifluxServer

@Suite struct SendRingTests {
  /// Two connected stream sockets; neither blocks.
  private final class Pair {
    let ours: Int32
    private var theirs: Int32

    init() throws {
      var ends: [Int32] = [-1, -1]
      let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue)
      try #require(socketpair(AF_UNIX, type, 0, &ends) == 0)
      (ours, theirs) = (ends[0], ends[1])
    }

    deinit {
      close(ours)
      closePeer()
    }

    func closePeer() {
      if theirs >= 0 { close(theirs) }
      theirs = -1
    }

    /// What has arrived at the other end.
    func received() -> [UInt8] {
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while true {
        let count = read(theirs, &buffer, buffer.count)
        guard count > 0 else { return all }
        all += buffer[..<count]
      }
    }

    /// Sends until the socket takes nothing more; returns the bytes taken.
    func fill() -> Int {
      let bytes = [UInt8](repeating: 0, count: 4096)
      var total = 0
      while true {
        let count = send(ours, bytes, bytes.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return total }
        total += count
      }
    }
  }

  private struct Outcome: Equatable {
    let tag: Int
    let result: Int32
  }

  /// Sends each text to the descriptor beside it, tagged with its index.
  private func submit(_ sends: [(Int32, String)], by ring: SendRing) -> [Outcome] {
    var outcomes: [Outcome] = []
    let buffers = sends.map { _, text in
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
      buffer.copyBytes(from: text.utf8)
      return buffer
    }
    defer { buffers.forEach { $0.deallocate() } }
    for index in sends.indices {
      ring.add(descriptor: sends[index].0, bytes: UnsafeRawBufferPointer(buffers[index]), tag: index)
    }
    ring.submit { outcomes.append(Outcome(tag: $0, result: $1)) }
    return outcomes
  }

  /// What `make` makes on a thread of its own, which has ended when this returns.
  private static func onAnotherThread(_ make: @escaping () -> SendRing?) -> SendRing? {
    final class Work {
      let make: () -> SendRing?
      var made: SendRing?
      init(_ make: @escaping () -> SendRing?) { self.make = make }
    }
    let work = Work(make)
    var thread = pthread_t()
    let started = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        let work = Unmanaged<Work>.fromOpaque(argument).takeUnretainedValue()
        work.made = work.make()
        return nil
      }, Unmanaged.passUnretained(work).toOpaque())
    guard started == 0 else { return nil }
    pthread_join(thread, nil)
    return withExtendedLifetime(work) { work.made }
  }

  private static let granted = (try? SendRing.make(entries: 1).get()) != nil
  private static let ungranted: Comment = "the kernel does not grant io_uring here"

  @Test("a ring of no entries is refused with a reason, and without a crash")
  func refused() {
    for entries in [0, -1] {
      let error = #expect(throws: RingUnavailable.self) { _ = try SendRing.make(entries: entries).get() }
      #expect(error?.description.isEmpty == false)
    }
    #expect(RingUnavailable(code: EPERM).description.contains("kernel.io_uring_disabled"))
    #expect(RingUnavailable(code: EMFILE).description == "io_uring: Too many open files")
  }

  @Test("a batch reaches all its sockets and is told of in the order added", .enabled(if: granted, ungranted))
  func batch() throws {
    let ring = try SendRing.make(entries: 8).get()
    let pairs = try (0..<5).map { _ in try Pair() }
    for round in 0..<3 {
      let texts = pairs.indices.map { "\(round): to \($0)" + String(repeating: "!", count: $0) }
      let outcomes = submit(zip(pairs, texts).map { ($0.ours, $1) }, by: ring)
      #expect(outcomes == texts.indices.map { Outcome(tag: $0, result: Int32(texts[$0].utf8.count)) })
      #expect(pairs.map { $0.received() } == texts.map { Array($0.utf8) })
    }
    #expect(!ring.isBroken)
  }

  @Test("a batch may be larger than the ring", .enabled(if: granted, ungranted), arguments: [1, 2, 16])
  func larger(entries: Int) throws {
    let ring = try SendRing.make(entries: entries).get()
    let pairs = try (0..<entries * 3 + 1).map { _ in try Pair() }
    let outcomes = submit(pairs.indices.map { (pairs[$0].ours, "to \($0)") }, by: ring)
    #expect(outcomes == pairs.indices.map { Outcome(tag: $0, result: Int32("to \($0)".utf8.count)) })
    #expect(pairs.map { $0.received() } == pairs.indices.map { Array("to \($0)".utf8) })
    #expect(!ring.isBroken)
  }

  @Test("an empty batch tells of nothing", .enabled(if: granted, ungranted))
  func empty() throws {
    #expect(submit([], by: try SendRing.make(entries: 4).get()).isEmpty)
  }

  @Test("a full socket takes nothing, and nothing of it is sent once there is room", .enabled(if: granted, ungranted))
  func full() throws {
    let ring = try SendRing.make(entries: 4).get()
    let (full, free) = (try Pair(), try Pair())
    let taken = full.fill()
    let outcomes = submit([(full.ours, "late"), (free.ours, "now")], by: ring)
    #expect(outcomes == [Outcome(tag: 0, result: -EAGAIN), Outcome(tag: 1, result: 3)])
    #expect(free.received() == Array("now".utf8))
    #expect(full.received().count == taken)
    // Had the kernel kept the send until the socket had room, it would send and complete it now.
    #expect(submit([(free.ours, "next")], by: ring) == [Outcome(tag: 0, result: 4)])
    #expect(full.received().isEmpty)
  }

  @Test("a socket with little room takes a part", .enabled(if: granted, ungranted))
  func part() throws {
    let ring = try SendRing.make(entries: 4).get()
    let pair = try Pair()
    let long = String(repeating: "x", count: 4 << 20)
    let outcomes = submit([(pair.ours, long)], by: ring)
    let taken = try #require(outcomes.first?.result)
    #expect(taken > 0 && taken < long.utf8.count)
    #expect(pair.received().count == Int(taken))
  }

  @Test("a closed peer and a closed descriptor fail alone, without a signal", .enabled(if: granted, ungranted))
  func gone() throws {
    let ring = try SendRing.make(entries: 4).get()
    let pairs = try (0..<3).map { _ in try Pair() }
    pairs[1].closePeer()
    let sends = [(pairs[0].ours, "first"), (pairs[1].ours, "lost"), (-1, "nowhere"), (pairs[2].ours, "last")]
    #expect(
      submit(sends, by: ring) == [
        Outcome(tag: 0, result: 5), Outcome(tag: 1, result: -EPIPE), Outcome(tag: 2, result: -EBADF),
        Outcome(tag: 3, result: 4),
      ])
    #expect(pairs[0].received() == Array("first".utf8))
    #expect(pairs[2].received() == Array("last".utf8))
    #expect(!ring.isBroken)
  }

  @Test("a completion may add to the next batch", .enabled(if: granted, ungranted))
  func again() throws {
    let ring = try SendRing.make(entries: 4).get()
    let pair = try Pair()
    let bytes = Array("ab".utf8)
    var tags: [Int] = []
    bytes.withUnsafeBytes { bytes in
      ring.add(descriptor: pair.ours, bytes: bytes, tag: 1)
      ring.submit {
        tags.append($0)
        _ = $1
        ring.add(descriptor: pair.ours, bytes: bytes, tag: 2)
      }
      #expect(tags == [1])
      #expect(pair.received() == bytes.map { $0 })
      ring.submit { tags.append($0 + Int($1)) }
    }
    #expect(tags == [1, 4])
    #expect(pair.received() == bytes)
  }

  @Test("what the ring does not take is sent without it", .enabled(if: granted, ungranted))
  func otherThread() throws {
    // A kernel that binds the ring to its thread refuses it here; an older one takes the sends.
    let ring = try #require(Self.onAnotherThread { try? SendRing.make(entries: 4).get() })
    let pairs = try (0..<10).map { _ in try Pair() }
    for round in 0..<2 {
      let texts = pairs.indices.map { "\(round): to \($0)" }
      let outcomes = submit(zip(pairs, texts).map { ($0.ours, $1) }, by: ring)
      #expect(outcomes == texts.indices.map { Outcome(tag: $0, result: Int32(texts[$0].utf8.count)) })
      #expect(pairs.map { $0.received() } == texts.map { Array($0.utf8) })
    }
  }
}
