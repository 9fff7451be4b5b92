import NIOCore
import NIOEmbedded
import Testing

@testable import NotifluxServer

/// Connections of one loop of NIO, which turns when it is told to, without TLS in between.
@Suite struct ChannelTransportTests {
  /// What is between the transport and the network: writes down what the one has the other do.
  private final class Wire: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var sent: [ByteBuffer] = []
    var events: [String] = []
    var onFlush: () -> Void = {}
    private var unflushed: [ByteBuffer] = []

    var bytes: [UInt8] { sent.flatMap { Array($0.readableBytesView) } }

    /// Whether that is what was sent. To be asked instead of compared: of so much, differences take long to print.
    func hasSent(_ expected: ByteBuffer...) -> Bool {
      bytes.elementsEqual(expected.flatMap { Array($0.readableBytesView) })
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
      unflushed.append(unwrapOutboundIn(data))
    }

    func flush(context: ChannelHandlerContext) {
      sent += unflushed
      unflushed = []
      onFlush()
    }

    func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
      events.append("\(mode) closed after \(bytes.count)")
      if mode == .all { context.close(mode: mode, promise: promise) }
    }
  }

  private final class Fixture {
    let eventLoop = EmbeddedEventLoop()
    private let loop: ChannelLoop
    private let worker: Worker

    init() throws {
      loop = ChannelLoop(eventLoop)
      worker = try HTTPFixture().worker
    }

    func connect() throws -> (channel: EmbeddedChannel, wire: Wire, connection: ConnectionRecorder) {
      let connection = ConnectionRecorder(worker: worker)
      _ = worker.services.connections.enter(.unknown)
      let transport = ChannelTransport(client: .unknown, loop: loop, logger: .init(label: "test")) {
        connection.takeOver($0)
      }
      let wire = Wire()
      let channel = EmbeddedChannel(handlers: [wire, transport], loop: eventLoop)
      return (channel, wire, connection)
    }

    /// Lets one turn of what waits happen, and what is put off.
    func turn() { eventLoop.advanceTime(by: .microseconds(20)) }
  }

  private let large = ByteBuffer(bytes: (0..<1 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) })
  private let small = ByteBuffer(string: "small")

  @Test("what is little goes at once; what is much goes by turns, so much of each, and is copied for nobody")
  func turns() throws {
    let fixture = try Fixture()
    let loud = try (0..<5).map { _ in try fixture.connect() }
    let quiet = try fixture.connect()
    for one in loud {
      one.connection.transport?.write(large)
      one.connection.transport?.flush()
    }
    #expect(loud.allSatisfy { $0.wire.sent.isEmpty })
    #expect(loud.allSatisfy { $0.connection.transport?.unsentBytes == large.readableBytes })
    var turns = 0
    while loud.contains(where: { $0.connection.transport?.unsentBytes != 0 }), turns < 100 {
      let before = loud.map(\.wire.bytes.count)
      fixture.turn()
      turns += 1
      let sent = zip(loud, before).map { $0.wire.bytes.count - $1 }
      #expect(sent.allSatisfy { $0 <= BacklogShare.socket })
      #expect((1...BacklogShare.turn).contains(sent.reduce(0, +)))
      quiet.connection.transport?.write(small)
      quiet.connection.transport?.flush()
      #expect(quiet.wire.sent == Array(repeating: small, count: turns))
    }
    #expect(turns > loud.count * large.readableBytes / BacklogShare.turn)
    let shared = large.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
    for one in loud {
      #expect(one.wire.hasSent(large))
      #expect(one.connection.events == ["writable"])
      let places = one.wire.sent.map { $0.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) } }
      #expect(places.allSatisfy { (shared..<shared + UInt(large.readableBytes)).contains($0) })
    }
  }

  @Test("what follows waits behind what waits, and more than a piece waits even in small parts")
  func order() throws {
    let fixture = try Fixture()
    let (_, wire, connection) = try fixture.connect()
    connection.transport?.write(small)
    connection.transport?.write(large)
    connection.transport?.write(small)
    connection.transport?.flush()
    #expect(wire.hasSent(small))
    for _ in 0..<20 { fixture.turn() }
    #expect(wire.hasSent(small, large, small))
    let part = ByteBuffer(repeating: 1, count: Outbox.pieceLimit / 2)
    for _ in 0..<3 { connection.transport?.write(part) }
    #expect(connection.transport?.isWritable == false)
    for _ in 0..<3 { fixture.turn() }
    #expect(wire.bytes.suffix(3 * part.readableBytes).allSatisfy { $0 == 1 })
    #expect(connection.transport?.isWritable == true)
  }

  @Test("nothing is encrypted that the socket does not take yet, and the connection is told when it does, once")
  func crowded() throws {
    let fixture = try Fixture()
    let (channel, wire, connection) = try fixture.connect()
    channel.isWritable = false
    channel.pipeline.fireChannelWritabilityChanged()
    for _ in 0..<3 {
      connection.transport?.write(small)
      connection.transport?.flush()
      connection.transport?.flushNow()
      fixture.turn()
    }
    #expect(wire.sent.isEmpty)
    #expect(connection.transport?.unsentBytes == 15)
    #expect(connection.transport?.isWritable == false)
    #expect(connection.transport?.write(small, within: 19) == false)
    channel.isWritable = true
    channel.pipeline.fireChannelWritabilityChanged()
    #expect(connection.events.isEmpty, "it may be in the middle of something")
    for _ in 0..<3 { fixture.turn() }
    #expect(wire.bytes == Array("smallsmallsmall".utf8))
    #expect(connection.events == ["writable"])
  }

  @Test("what waits stops where the socket is full, and goes on from there")
  func fullOnTheWay() throws {
    let fixture = try Fixture()
    let (channel, wire, connection) = try fixture.connect()
    connection.transport?.write(large)
    wire.onFlush = {
      channel.isWritable = false
      channel.pipeline.fireChannelWritabilityChanged()
    }
    for count in 1...3 {
      for _ in 0..<3 { fixture.turn() }
      #expect(wire.bytes.count == count * Outbox.pieceLimit)
      #expect(connection.transport?.unsentBytes == large.readableBytes - wire.bytes.count)
      channel.isWritable = true
      channel.pipeline.fireChannelWritabilityChanged()
    }
    wire.onFlush = {}
    for _ in 0..<20 { fixture.turn() }
    #expect(wire.hasSent(large))
    #expect(connection.events == ["writable"])
  }

  @Test("what is to be offered now is offered whole, and what comes of it is told later")
  func offeredNow() throws {
    let fixture = try Fixture()
    let (_, wire, connection) = try fixture.connect()
    connection.transport?.write(large)
    connection.transport?.flushNow()
    #expect(wire.hasSent(large))
    #expect(connection.events.isEmpty)
    for _ in 0..<3 { fixture.turn() }
    #expect(connection.events == ["writable"])
  }

  @Test("an end of output comes after everything that waited, and nothing after it")
  func finishOutput() throws {
    let fixture = try Fixture()
    let (_, wire, connection) = try fixture.connect()
    connection.transport?.write(large)
    connection.transport?.finishOutput()
    connection.transport?.write(small)
    #expect(wire.events.isEmpty)
    for _ in 0..<20 { fixture.turn() }
    #expect(wire.events == ["output closed after \(large.readableBytes)"])
    #expect(connection.transport != nil)
  }

  @Test("a close offers what waited before, tells the connection, and leaves nothing behind")
  func close() throws {
    let fixture = try Fixture()
    let (_, wire, connection) = try fixture.connect()
    connection.transport?.write(large)
    connection.transport?.close()
    #expect(connection.events == ["disconnected"])
    #expect(wire.events == ["all closed after \(large.readableBytes)"])
    for _ in 0..<3 { fixture.turn() }
    let other = try fixture.connect()
    other.connection.transport?.write(large)
    _ = try? other.channel.finish()
    for _ in 0..<3 { fixture.turn() }
    #expect(other.connection.events == ["disconnected"])
  }
}
