import NotifluxProtocol
import Testing

@testable import NotifluxClient

@Suite("Resuming, against a model of the server")
struct ResumeModelTests {
  /// What one topic's subscriber has been told.
  private struct Account {
    /// Complete up to here; `nil` until the topic was confirmed.
    var told: Cursor?
  }

  /// A client whose connection is cut at any moment, and what it was told.
  private struct Run {
    var server = ModelServer()
    var session = EnvelopeSession()
    var chance: SeededGenerator
    let topics: [Topic]
    var held: [Topic]
    /// Said by the server, not heard by the client yet.
    var wire: [ServerEnvelope] = []
    var accounts: [Topic: Account] = [:]
    var gaps = 0
    var messages = 0
    var splits = 0

    init(seed: UInt64) throws {
      chance = SeededGenerator(state: seed)
      topics = try (0..<5).map { try Topic("t\($0)") }
      held = Array(topics.prefix(4))
      for topic in topics { accounts[topic] = Account() }
      connect()
    }

    mutating func connect() {
      let positions = session.positions
      session = EnvelopeSession(resuming: positions)
      wire = [server.accept()]
      let commands = session.subscribe(held, since: nil, token: "tok")
      if commands.count > 1 { splits += 1 }
      send(commands)
    }

    mutating func send(_ commands: [LinkCommand]) {
      for case .text(var text) in commands {
        guard let envelope = text.withUTF8({ try? ClientEnvelope(json: UnsafeRawBufferPointer($0)) }) else {
          Issue.record("not understood: \(text)")
          continue
        }
        server.receive(envelope)
      }
    }

    mutating func step() throws {
      switch Int.random(in: 0..<100, using: &chance) {
      case 0..<30: server.publish(to: anyTopic())
      case 30..<34: server.lose(.random(in: 1...3, using: &chance), of: anyTopic())
      case 34..<37: connect()
      case 37..<38 where Bool.random(using: &chance):
        server.restart()
        connect()
      case 38..<40: changeTopics()
      case 40..<70: wire += server.next(&chance)
      default: try hear()
      }
    }

    func anyTopic(_ chance: inout SeededGenerator) -> Topic { topics.randomElement(using: &chance) ?? topics[0] }
    mutating func anyTopic() -> Topic { anyTopic(&chance) }

    /// Gives a topic up, takes one on, or asks for a held one again.
    mutating func changeTopics() {
      let topic = anyTopic()
      if held.contains(topic), Bool.random(using: &chance) {
        held.removeAll { $0 == topic }
        accounts[topic] = Account()
        send(session.unsubscribe(topic))
      } else {
        if !held.contains(topic) { held.append(topic) }
        send(session.subscribe([topic], since: nil, token: "tok"))
      }
    }

    /// One envelope reaches the client.
    mutating func hear() throws {
      guard !wire.isEmpty else { return }
      let text = String(decoding: wire.removeFirst().json, as: UTF8.self)
      let reaction = session.received(.text(text))
      send(reaction.commands)
      for event in reaction.events { try account(for: event) }
    }

    private mutating func account(for event: SubscriptionEvent) throws {
      switch event {
      case .subscribed(let topic, let cursor):
        if accounts[topic]?.told == nil { accounts[topic]?.told = cursor }
      case .message(let message):
        let (topic, cursor) = (try #require(message.topic), try #require(message.cursor))
        // What is still on its way of a topic that was given up is nobody's business.
        guard let told = accounts[topic]?.told else { return }
        messages += 1
        try expectNothing(of: topic, after: told, before: cursor)
        #expect(told.epoch == cursor.epoch && told.sequence < cursor.sequence, "\(topic) \(told) \(cursor)")
        accounts[topic]?.told = cursor
      case .gap(let gap):
        guard let told = accounts[gap.topic]?.told else { return }
        gaps += 1
        // It begins where nothing is missing yet.
        try expectNothing(of: gap.topic, after: told, upTo: gap.from)
        #expect(gap.from.epoch != gap.to.epoch || gap.from.sequence < gap.to.sequence, "\(gap)")
        accounts[gap.topic]?.told = gap.to
      case .caughtUp(let topics, let cursor):
        for topic in topics {
          guard let told = accounts[topic]?.told, told.epoch == cursor.epoch else { continue }
          try expectNothing(of: topic, after: told, upTo: cursor)
        }
      case .refused, .connected, .disconnected: Issue.record("\(event)")
      }
    }

    func expectNothing(of topic: Topic, after: Cursor, before end: Cursor) throws {
      guard end.sequence > 0 else { return }
      try expectNothing(of: topic, after: after, upTo: Cursor(epoch: end.epoch, sequence: end.sequence - 1))
    }

    /// No message of the topic was ever published in between.
    func expectNothing(of topic: Topic, after: Cursor, upTo end: Cursor) throws {
      try #require(after.epoch == end.epoch, "from \(after) to \(end) without a gap")
      let silent = server.history[end.epoch, default: []].first {
        $0.topic == topic && $0.sequence > after.sequence && $0.sequence <= end.sequence
      }
      try #require(silent == nil, "\(topic) after \(after): \(String(describing: silent)) was never told of")
    }

    /// Everything said is heard, and nothing is left to say.
    mutating func settle() throws {
      while true {
        while !wire.isEmpty { try hear() }
        let more = server.next(&chance)
        wire += more
        if more.isEmpty && !server.hasWork { break }
      }
      for topic in held {
        let told = try #require(accounts[topic]?.told)
        try expectNothing(of: topic, after: told, upTo: server.cursor(server.head))
      }
    }
  }

  @Test(
    "whatever is published, lost, cut and restarted, each message or a gap that covers it comes once and in order",
    arguments: 0..<40 as Range<UInt64>)
  func exact(seed: UInt64) throws {
    var run = try Run(seed: seed)
    for _ in 0..<1500 { try run.step() }
    try run.settle()
    // The run has been through what it is about.
    #expect(run.messages > 50 && run.gaps > 5 && run.splits > 0)
  }
}
