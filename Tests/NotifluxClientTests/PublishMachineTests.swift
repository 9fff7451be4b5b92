import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("The order of publishing")
struct PublishMachineTests {
  let endpoint: Endpoint
  let gone: ClientError
  /// The same for a message that was sent.
  let goneInDoubt: ClientError
  let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

  init() throws {
    endpoint = try Endpoint("http://h")
    gone = .unreachable(endpoint, reason: "gone")
    goneInDoubt = .unreachable(endpoint, reason: "gone; the message may have been published all the same")
  }

  func machine(retries: Int = 3, pipelining: Int = 3) -> PublishMachine {
    PublishMachine(
      endpoint: endpoint, limits: .init(retries: retries, pipelining: pipelining, requestTimeout: .seconds(30)))
  }

  func machine(retryTime: TimeAmount) -> PublishMachine {
    PublishMachine(
      endpoint: endpoint,
      limits: .init(retries: 0, retryTime: retryTime, pipelining: 3, requestTimeout: .seconds(30)))
  }

  func cursor(_ sequence: UInt64) -> Cursor { Cursor(epoch: "e", sequence: sequence) }
  func accepted(_ sequence: UInt64) -> Verdict { .accepted(cursor(sequence)) }
  func draining(after: Duration? = nil) -> Verdict { .temporary(busy, retryAfter: after, isUndelivered: true) }
  let busy = ClientError.refused(Refusal(.draining, "going down"), status: 503)

  /// A machine with a connection that has answered number 0.
  func warm(retries: Int = 3, pipelining: Int = 3) -> PublishMachine {
    var machine = machine(retries: retries, pipelining: pipelining)
    _ = machine.enqueue(0, hasID: true, now: start)
    _ = machine.connected(now: start)
    _ = machine.answered(accepted(0), keepsAlive: true, now: start)
    return machine
  }

  @Test("one message: connect, send, answer")
  func single() {
    var machine = machine()
    #expect(machine.enqueue(1, hasID: true, now: start) == [.connect])
    #expect(machine.enqueue(2, hasID: true, now: start) == [])
    #expect(machine.connected(now: start) == [.send(1)])
    #expect(machine.answered(accepted(7), keepsAlive: true, now: start) == [.succeed(1, cursor(7)), .send(2)])
    #expect(machine.answered(accepted(8), keepsAlive: true, now: start) == [.succeed(2, cursor(8))])
    #expect(machine.nextTimeout == nil)
  }

  @Test("what carries an id is pipelined, once the connection has shown that it lasts")
  func pipelines() {
    var machine = warm()
    for number in 1...3 { #expect(machine.enqueue(number, hasID: true, now: start) == [.send(number)]) }
    #expect(machine.enqueue(4, hasID: true, now: start) == [])
    #expect(machine.answered(accepted(1), keepsAlive: true, now: start) == [.succeed(1, cursor(1)), .send(4)])
  }

  @Test("what carries no id is alone in flight")
  func alone() {
    var machine = warm()
    #expect(machine.enqueue(1, hasID: true, now: start) == [.send(1)])
    #expect(machine.enqueue(2, hasID: false, now: start) == [])
    #expect(machine.enqueue(3, hasID: true, now: start) == [])
    #expect(machine.answered(accepted(1), keepsAlive: true, now: start) == [.succeed(1, cursor(1)), .send(2)])
    #expect(machine.answered(accepted(2), keepsAlive: true, now: start) == [.succeed(2, cursor(2)), .send(3)])
  }

  @Test("a kept-alive connection that closes costs nothing: the unanswered go out again in order")
  func closedWhileInFlight() {
    var machine = warm(retries: 0)
    for number in 1...5 { _ = machine.enqueue(number, hasID: true, now: start) }
    _ = machine.answered(accepted(1), keepsAlive: true, now: start)
    #expect(machine.disconnected(gone, now: start) == [.connect])
    #expect(machine.connected(now: start) == [.send(2)])
    let actions = machine.answered(accepted(2), keepsAlive: true, now: start)
    #expect(actions == [.succeed(2, cursor(2)), .send(3), .send(4), .send(5)])
  }

  @Test("without an id nothing that went out is sent again")
  func unsafe() {
    var machine = warm()
    _ = machine.enqueue(1, hasID: false, now: start)
    _ = machine.enqueue(2, hasID: false, now: start)
    #expect(machine.disconnected(gone, now: start) == [.fail(1, goneInDoubt), .connect])
    #expect(machine.connected(now: start) == [.send(2)])
  }

  @Test("an announced close is obeyed, and what it left unanswered goes out on the next connection")
  func announcedClose() {
    var machine = warm()
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.enqueue(2, hasID: true, now: start)
    let actions = machine.answered(accepted(1), keepsAlive: false, now: start)
    #expect(actions == [.succeed(1, cursor(1)), .close, .connect])
    #expect(machine.connected(now: start) == [.send(2)])
  }

  @Test("a fresh connection that breaks is a failure, and so is the next")
  func breaksAtOnce() {
    var machine = machine(retries: 1)
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.connected(now: start)
    #expect(machine.disconnected(gone, now: start) == [.wait(failures: 0, atLeast: nil)])
    #expect(machine.waited(now: start) == [.connect])
    _ = machine.connected(now: start)
    #expect(machine.disconnected(gone, now: start) == [.fail(1, goneInDoubt)])
  }

  @Test("a refused connection is a failure for all that wait, whether they carry an id or not")
  func cannotConnect() {
    var machine = machine(retries: 1)
    _ = machine.enqueue(1, hasID: false, now: start)
    #expect(machine.connectFailed(gone, now: start) == [.wait(failures: 0, atLeast: nil)])
    #expect(machine.enqueue(2, hasID: false, now: start) == [])
    #expect(machine.waited(now: start) == [.connect])
    #expect(machine.connectFailed(gone, now: start) == [.fail(1, gone), .wait(failures: 0, atLeast: nil)])
  }

  @Test("a certificate that is not trusted is not tried again")
  func untrusted() {
    var machine = machine()
    _ = machine.enqueue(1, hasID: true, now: start)
    let error = ClientError.tls(endpoint, reason: "self-signed")
    #expect(machine.connectFailed(error, now: start) == [.fail(1, error)])
  }

  @Test("what is refused for the moment is sent again in order, and no sooner than the server says")
  func refusedForNow() {
    var machine = warm()
    for number in 1...4 { _ = machine.enqueue(number, hasID: true, now: start) }
    #expect(machine.answered(draining(after: .seconds(2)), keepsAlive: true, now: start) == [])
    #expect(machine.answered(draining(after: .seconds(5)), keepsAlive: true, now: start) == [])
    #expect(
      machine.answered(draining(), keepsAlive: true, now: start) == [.wait(failures: 0, atLeast: .seconds(5))])
    #expect(machine.waited(now: start) == [.send(1), .send(2), .send(3)])
    #expect(machine.answered(accepted(1), keepsAlive: true, now: start) == [.succeed(1, cursor(1)), .send(4)])
  }

  @Test("what the server itself refused may be sent again without an id, a proxy's error not")
  func refusedWithoutID() {
    var machine = warm()
    _ = machine.enqueue(1, hasID: false, now: start)
    #expect(machine.answered(draining(), keepsAlive: true, now: start) == [.wait(failures: 0, atLeast: .zero)])
    #expect(machine.waited(now: start) == [.send(1)])
    let proxy = ClientError.unexpectedAnswer(endpoint, status: 502, snippet: "")
    let verdict = Verdict.temporary(proxy, retryAfter: nil, isUndelivered: false)
    #expect(machine.answered(verdict, keepsAlive: true, now: start) == [.fail(1, proxy)])
  }

  @Test("retries end, and a wait of more than a minute is not even begun")
  func retriesEnd() {
    var once = warm(retries: 1)
    _ = once.enqueue(1, hasID: true, now: start)
    _ = once.answered(draining(), keepsAlive: true, now: start)
    _ = once.waited(now: start)
    #expect(once.answered(draining(), keepsAlive: true, now: start) == [.fail(1, busy)])
    var long = warm()
    _ = long.enqueue(1, hasID: true, now: start)
    #expect(long.answered(draining(after: .seconds(61)), keepsAlive: true, now: start) == [.fail(1, busy)])
  }

  @Test("with a time in place of a number, tries go on until it has passed since the first failure, and end with one")
  func retriesForATime() {
    var machine = machine(retryTime: .seconds(30))
    let late = start + .seconds(100)
    _ = machine.enqueue(1, hasID: false, now: start)
    #expect(
      machine.connectFailed(gone, now: late) == [.wait(failures: 0, atLeast: nil, atMost: .seconds(30))])
    #expect(machine.waited(now: late) == [.connect])
    #expect(
      machine.connectFailed(gone, now: late + .seconds(29)) == [.wait(failures: 1, atLeast: nil, atMost: .seconds(1))])
    #expect(machine.waited(now: late + .seconds(30)) == [.connect])
    #expect(machine.connectFailed(gone, now: late + .seconds(30)) == [.fail(1, gone)])
  }

  @Test("a server that wants us to stay away for longer than the time that is left is believed at once")
  func retryAfterBeyondTheTime() {
    var machine = machine(retryTime: .seconds(30))
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.connected(now: start)
    #expect(
      machine.answered(draining(after: .seconds(30)), keepsAlive: true, now: start)
        == [.wait(failures: 0, atLeast: .seconds(30), atMost: .seconds(30))])
    #expect(machine.waited(now: start + .seconds(2)) == [.send(1)])
    #expect(
      machine.answered(draining(after: .seconds(29)), keepsAlive: true, now: start + .seconds(2)) == [.fail(1, busy)])
  }

  @Test("the oldest request times out, those behind it are only sent again")
  func timesOut() {
    var machine = warm(retries: 0)
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.enqueue(2, hasID: true, now: start)
    #expect(machine.nextTimeout == start + .seconds(30))
    #expect(machine.checkTimeout(now: start + .seconds(29)) == [])
    let late = ClientError.timedOut(
      endpoint, reason: "no answer within 30 s; the message may have been published all the same")
    #expect(machine.checkTimeout(now: start + .seconds(30)) == [.close, .fail(1, late), .connect])
  }

  @Test("the time for an answer starts with the one before it")
  func timeoutMoves() {
    var machine = warm()
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.enqueue(2, hasID: true, now: start)
    _ = machine.answered(accepted(1), keepsAlive: true, now: start + .seconds(20))
    #expect(machine.nextTimeout == start + .seconds(50))
  }

  @Test("a connection that was idle for long is not trusted with a message")
  func idle() {
    var machine = warm()
    #expect(machine.enqueue(1, hasID: true, now: start + .seconds(61)) == [.close, .connect])
    #expect(machine.connected(now: start + .seconds(61)) == [.send(1)])
  }

  @Test("an id is not relied on for longer than the server remembers it")
  func forgottenID() {
    var machine = warm()
    _ = machine.enqueue(1, hasID: true, now: start)
    #expect(machine.disconnected(gone, now: start + .seconds(300)) == [.fail(1, goneInDoubt)])
  }

  @Test("a cancelled message that waits is forgotten; one in flight keeps its place but is not sent again")
  func cancels() {
    var machine = warm(pipelining: 2)
    for number in 1...4 { _ = machine.enqueue(number, hasID: true, now: start) }
    machine.cancel(3)
    machine.cancel(1)
    #expect(machine.answered(accepted(1), keepsAlive: true, now: start) == [.succeed(1, cursor(1)), .send(4)])
    machine.cancel(2)
    #expect(machine.disconnected(gone, now: start) == [.connect])
    #expect(machine.connected(now: start) == [.send(4)])
  }

  @Test("shutting down fails everything")
  func shutsDown() {
    var machine = warm(pipelining: 1)
    _ = machine.enqueue(1, hasID: true, now: start)
    _ = machine.enqueue(2, hasID: true, now: start)
    #expect(machine.shutDown() == [.close, .fail(1, .cancelled), .fail(2, .cancelled)])
  }
}
