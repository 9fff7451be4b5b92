import NIOCore
import NotifluxProtocol
import NotifluxWebSocket
import Testing

@testable import NotifluxServer

@Suite struct SessionMachineTests {
  private func text(_ text: String) -> WebSocketEvent { .text(ByteBuffer(string: text)) }

  @Test("text messages become what they command")
  func commands() throws {
    var machine = SessionMachine(now: 0)
    let topic = try Topic("t")
    #expect(
      machine.receive(text("/subscribe t x.y.z"), now: 1)
        == [.subscribe(.topic(topic), token: "x.y.z", since: nil, id: nil)])
    #expect(machine.receive(text("/unsubscribe t"), now: 1) == [.unsubscribe(topic)])
    #expect(machine.receive(text("/unsubscribe-all"), now: 1) == [.unsubscribeAll])
    #expect(
      machine.receive(text("/subscribe t"), now: 1)
        == [.reply("Invalid subscribe command, it should be: /subscribe <topic> <token>")])
    #expect(machine.receive(text("/what"), now: 1) == [.reply("Unknown command")])
    #expect(machine.receive(text("hello"), now: 1) == [])
    #expect(machine.receive(.binary(ByteBuffer(string: "/what")), now: 1) == [])
    #expect(machine.receive(.ping(ByteBuffer(string: "p")), now: 1) == [.pong(ByteBuffer(string: "p"))])
  }

  @Test("envelopes become what they ask for, and answers carry the id they came with")
  func envelopes() throws {
    var machine = SessionMachine(mode: .envelope, now: 0)
    let (a, b) = (try Topic("a"), try Topic("b"))
    let since = try Cursor("e:4")
    #expect(
      machine.receive(text(#"{"type":"subscribe","topic":"a","token":"x","since":"e:4","id":1}"#), now: 1)
        == [.subscribe(.topic(a), token: "x", since: since, id: RequestID(1))])
    #expect(
      machine.receive(text(#"{"type":"subscribe","topics":["a","b","a"],"since":""}"#), now: 1)
        == [.subscribe(.topics([a, b]), token: nil, since: nil, id: nil)])
    #expect(
      machine.receive(text(#"{"type":"unsubscribe","topic":"a","id":2}"#), now: 1)
        == [.unsubscribe(a), .say(.unsubscribed(a, id: RequestID(2)))])
    #expect(
      machine.receive(text(#"{"type":"unsubscribe-all"}"#), now: 1)
        == [.unsubscribeAll, .say(.unsubscribed(nil, id: nil))])
    #expect(machine.receive(text(#"{"type":"ping","id":3}"#), now: 1) == [.say(.pong(id: RequestID(3)))])
  }

  @Test(
    "a bad envelope is answered, and the session goes on",
    arguments: [
      "", "/subscribe a b", "[]", "{}", #"{"type":1}"#, #"{"type":"x"}"#, #"{"type":"ping","id":null}"#,
      #"{"type":"ping","id":[1]}"#, #"{"type":"subscribe"}"#, #"{"type":"subscribe","topic":"a","topics":["b"]}"#,
      #"{"type":"subscribe","topics":[]}"#, #"{"type":"subscribe","topic":"a","since":"4"}"#,
      #"{"type":"subscribe","topic":"a","token":7}"#, #"{"type":"ping","type":"ping"}"#,
    ])
  func badEnvelopes(_ message: String) {
    var machine = SessionMachine(mode: .envelope, now: 0)
    let actions = machine.receive(text(message), now: 1)
    guard case .say(.error(let refusal, _, _))? = actions.first, actions.count == 1 else {
      Issue.record("\(message): \(actions)")
      return
    }
    #expect(refusal.code == .badRequest)
    #expect(machine.isOpen)
  }

  @Test("a quiet peer is pinged every 15 s and closed after 30 s without a frame")
  func quiet() {
    var machine = SessionMachine(now: 100)
    var happened: [Int: [SessionAction]] = [:]
    for now in 101...140 where machine.deadline <= now { happened[now] = machine.tick(now: now) }
    #expect(happened == [115: [.ping], 130: [.close(.goingAway, "no frame for 30 s"), .disconnect]])
  }

  @Test("a ping that is due within a second may ride on a message, and the next is due 15 s after it")
  func ridingPings() {
    var machine = SessionMachine(now: 0)
    let taken = [13, 14, 14].map { machine.takePing(now: $0, within: 1) }
    #expect(taken == [false, true, false])
    #expect(machine.tick(now: 15) == [])
    #expect(machine.deadline == 29)
    #expect(machine.tick(now: 29) == [.ping])
    _ = machine.close(.goingAway, "", now: 29)
    let takenAfterClose = machine.takePing(now: 44, within: 1)
    #expect(!takenAfterClose)
  }

  @Test("a peer that answers its pings stays")
  func alive() {
    var machine = SessionMachine(now: 0)
    var pings = 0
    for now in 1...300 where machine.deadline <= now {
      let actions = machine.tick(now: now)
      #expect(actions == [.ping])
      pings += 1
      #expect(machine.receive(.pong(ByteBuffer()), now: now) == [])
    }
    #expect(pings == 20)
  }

  @Test("a peer's close is answered with its code, and ends the session")
  func peerCloses() {
    var machine = SessionMachine(now: 0)
    let actions = machine.receive(.close(code: .normal, reason: "bye"), now: 1)
    #expect(actions == [.close(.normal, ""), .disconnect])
    #expect(machine.receive(text("/what"), now: 1) == [])
    #expect(!machine.isOpen)
  }

  @Test("our close waits for the peer's, for five seconds")
  func weClose() {
    var machine = SessionMachine(now: 0)
    #expect(machine.close(.goingAway, "reconnect in 7 ms", now: 10) == [.close(.goingAway, "reconnect in 7 ms")])
    #expect(machine.close(.tryAgainLater, "slow consumer", now: 10) == [], "a session is closed once")
    #expect(machine.receive(text("/subscribe t x"), now: 11) == [], "nothing is done any more")
    #expect(machine.deadline == 15)
    #expect(machine.tick(now: 14) == [])
    #expect(machine.tick(now: 15) == [.disconnect])
    var other = SessionMachine(now: 0)
    _ = other.close(.goingAway, "", now: 10)
    #expect(other.receive(.close(code: .goingAway, reason: ""), now: 12) == [.disconnect])
  }

  @Test("after a protocol error the peer is told why, and not listened to")
  func fails() {
    var machine = SessionMachine(now: 0)
    let failure = WebSocketFailure(code: .tooLarge, reason: "too large")
    #expect(machine.fail(failure, now: 1) == [.close(.tooLarge, "too large"), .endOutput])
    #expect(machine.tick(now: 6) == [.disconnect])
  }
}
