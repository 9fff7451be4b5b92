import Foundation
import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite("The authorizer")
struct AuthorizerTests {
  private let clock = StandingClock()
  private let key: PrivateKey
  private let token: String

  init() throws {
    key = try PrivateKey.generate()
    token = try Self.token(key)
  }

  private static func token(
    _ key: PrivateKey, _ scope: Scope = .broadcast, _ topics: [String] = ["a", "b"], expires: Double = 2000,
    notBefore: Double? = nil, id: String? = nil
  ) throws -> String {
    try TokenSigner(key: key).sign(
      Claims(topics: topics, scope: scope, expires: expires, notBefore: notBefore, id: id))
  }

  private func authorizer(leeway: Double = 0, threads: Int = 0) -> Authorizer {
    Authorizer(keys: [key.publicKey], leeway: leeway, threads: threads, now: clock.now)
  }

  // MARK: At once

  @Test("what needs no signature check is refused at once")
  func refusedAtOnce() throws {
    let authorizer = authorizer()
    let parts = token.split(separator: ".")
    let none = "eyJhbGciOiJub25lIn0.\(parts[1])."
    #expect(try authorizer.atOnce(nil, .broadcast, "a")?.code == .tokenMissing)
    #expect(try authorizer.atOnce("", .broadcast, "a")?.code == .tokenMissing)
    #expect(try authorizer.atOnce("nonsense", .broadcast, "a")?.code == .tokenMalformed)
    #expect(try authorizer.atOnce(none, .broadcast, "a")?.code == .tokenSignature)
    #expect(try authorizer.atOnce(token + String(repeating: "A", count: 9000))?.code == .tokenMalformed)
    #expect(authorizer.cachedTokens == 0)
  }

  @Test("a token is verified once, off the loop, and granted at once from then on", arguments: [0, 1, 3])
  func verifiedOnce(threads: Int) throws {
    let authorizer = authorizer(threads: threads)
    #expect(try authorizer.atOnce(token, .broadcast, "a") == nil)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    #expect(authorizer.cachedTokens == 1)
    let granted = try #require(try authorizer.atOnce(token, .broadcast, "b", "a"))
    #expect(granted.code == nil)
    authorizer.stop()
  }

  @Test("a token without a good signature is never remembered", arguments: [0, 1])
  func badSignature(threads: Int) throws {
    let authorizer = authorizer(threads: threads)
    let foreign = try Self.token(try PrivateKey.generate())
    for _ in 0..<3 { #expect(try authorizer.inTheEnd(foreign, .broadcast, "a") == .tokenSignature) }
    let claimless = try TokenSigner(key: key).sign(Claims(topics: [], scope: .broadcast, expires: 999))
    #expect(try authorizer.inTheEnd(claimless) == .tokenExpired)
    #expect(authorizer.cachedTokens == 0)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    let tail = token.last == "A" ? "E" : "A"
    #expect(try authorizer.inTheEnd(token.dropLast() + tail, .broadcast, "a") != nil)
    #expect(authorizer.cachedTokens == 1)
    authorizer.stop()
  }

  // MARK: At every use

  @Test("expiry is judged at every use, to the second, with leeway, and what has expired is forgotten")
  func expiry() throws {
    let authorizer = authorizer(leeway: 5)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    clock.set(2004.9)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == nil)
    #expect(authorizer.cachedTokens == 1)
    clock.set(2005)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == .tokenExpired)
    #expect(authorizer.cachedTokens == 0)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == .tokenExpired)
    #expect(authorizer.cachedTokens == 0)
  }

  @Test("a wall clock that is set back is believed: tokens are judged by it, remembered or not")
  func clockSetBack() throws {
    let authorizer = authorizer()
    clock.set(3000)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == .tokenExpired)
    clock.set(1500)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    let later = try Self.token(key, notBefore: 1400)
    #expect(try authorizer.inTheEnd(later, .broadcast, "a") == nil)
    clock.set(1000)
    authorizer.sweep()
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == nil)
    #expect(authorizer.cachedTokens == 2)
    #expect(try authorizer.atOnce(later, .broadcast, "a")?.code == .tokenNotYetValid)
  }

  @Test("a token from the future is refused until its time has come, remembered or not")
  func notBefore() throws {
    let authorizer = authorizer()
    let token = try Self.token(key, notBefore: 1500)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == .tokenNotYetValid)
    #expect(authorizer.cachedTokens == 1)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == .tokenNotYetValid)
    clock.set(1500)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    clock.set(1499)
    #expect(try authorizer.atOnce(token, .broadcast, "a")?.code == .tokenNotYetValid)
  }

  @Test("scope and topics are judged at every use, of a token that is remembered as of a new one")
  func scopeAndTopics() throws {
    for isRemembered in [false, true] {
      let authorizer = authorizer()
      if isRemembered { #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil) }
      #expect(try authorizer.inTheEnd(token, .subscribe, "a") == .tokenScope)
      #expect(try authorizer.inTheEnd(token, .broadcast, "c") == .topicNotAllowed)
      #expect(try authorizer.inTheEnd(token, .broadcast, "a", "c") == .topicNotAllowed)
      #expect(try authorizer.inTheEnd(token, .broadcast, "a", "b") == nil)
      #expect(authorizer.cachedTokens == 1)
    }
  }

  @Test("many topics are judged like few")
  func manyTopics() throws {
    let names = (0..<300).map { "topic \($0)" }
    let authorizer = authorizer()
    let token = try Self.token(key, .subscribe, names)
    func code(_ names: [String]) throws -> ErrorCode? {
      switch authorizer.authorize(token, scope: .subscribe, topics: try names.map { try Topic($0) }) {
      case .granted: nil
      case .refused(let refusal): refusal.code
      case .unverified: .internal
      }
    }
    #expect(try authorizer.inTheEnd(token, .subscribe, names[0]) == nil)
    #expect(try code(names.reversed()) == nil)
    for count in [1, 2, 8, 9, 100] {
      #expect(try code(names.suffix(count)) == nil)
      #expect(try code(names.prefix(count - 1) + ["other"]) == .topicNotAllowed)
    }
  }

  // MARK: Keys

  @Test("new keys forget the tokens of the old ones: these are refused, what the new ones signed is granted")
  func replaceKeys() throws {
    let authorizer = authorizer(threads: 1)
    let other = try PrivateKey.generate()
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    authorizer.replaceKeys([other.publicKey], revocations: RevocationList())
    #expect(authorizer.cachedTokens == 0)
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == .tokenSignature)
    #expect(try authorizer.inTheEnd(Self.token(other), .broadcast, "a") == nil)
    authorizer.replaceKeys([key.publicKey, other.publicKey], revocations: RevocationList())
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    authorizer.stop()
  }

  @Test("a token whose check the new keys overtake is neither granted nor remembered for the sake of the old ones")
  func replaceKeysInFlight() throws {
    let other = try PrivateKey.generate()
    let late = Late()
    // The clock is read when the signature has been checked and before anything comes of it.
    let clock = StandingClock { read in
      if read == 1 { late.authorizer?.replaceKeys([other.publicKey], revocations: RevocationList()) }
    }
    let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 0, now: clock.now)
    late.authorizer = authorizer
    #expect(try authorizer.inTheEnd(token, .broadcast, "a") == .tokenSignature)
    #expect(clock.reads == 2)
    #expect(authorizer.cachedTokens == 0)
  }

  @Test("a remembered token is refused from its revocation on; the others stay remembered and need no new check")
  func revokes() throws {
    let authorizer = authorizer()
    let tokens = try ["a", "b", "c"].map { try Self.token(key, id: $0) }
    for token in tokens { #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil) }
    let revocations = try RevocationList(Array("jti b\n".utf8))
    authorizer.replaceKeys([try PrivateKey.generate().publicKey, key.publicKey], revocations: revocations)
    #expect(authorizer.cachedTokens == 2)
    for token in [tokens[0], tokens[2]] {
      let granted = try #require(try authorizer.atOnce(token, .broadcast, "a"))
      #expect(granted.code == nil)
    }
    for _ in 0..<2 { #expect(try authorizer.inTheEnd(tokens[1], .broadcast, "a") == .tokenClaims) }
    #expect(authorizer.cachedTokens == 2)
    authorizer.replaceKeys([key.publicKey], revocations: RevocationList())
    #expect(try authorizer.inTheEnd(tokens[1], .broadcast, "a") == nil)
  }

  @Test("a token whose check its revocation overtakes is neither granted nor remembered")
  func revokesInFlight() throws {
    let late = Late()
    let (key, list) = (key, try RevocationList(Array("jti x\n".utf8)))
    let clock = StandingClock { read in
      if read == 1 { late.authorizer?.replaceKeys([key.publicKey], revocations: list) }
    }
    let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 0, now: clock.now)
    late.authorizer = authorizer
    #expect(try authorizer.inTheEnd(Self.token(key, id: "x"), .broadcast, "a") == .tokenClaims)
    #expect(authorizer.cachedTokens == 0)
  }

  private final class Late: @unchecked Sendable {  // Set once, before anybody reads it.
    weak var authorizer: Authorizer?
  }

  // MARK: Threads

  @Test("those who bring the same token while it is checked share the check, and each gets a verdict of its own")
  func shared() throws {
    let (entered, gate) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
    let clock = StandingClock { read in
      guard read == 1 else { return }
      entered.signal()
      gate.wait()
    }
    let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 1, now: clock.now)
    let (loop, other, verdicts) = (StepLoop(), StepLoop(), Verdicts())
    func ask(_ loop: StepLoop, _ scope: Scope, _ topic: String) throws {
      guard case .unverified(let verification) = authorizer.authorize(token, scope: scope, topics: [try Topic(topic)])
      else { throw Refusal(.internal, "\(scope) \(topic) was answered at once") }
      verification.run(on: loop) { verdict in
        #expect(loop.isCurrent)
        verdicts.add(verdict)
      }
    }
    try ask(loop, .broadcast, "a")
    entered.wait()
    try ask(loop, .broadcast, "b")
    try ask(loop, .subscribe, "a")
    try ask(loop, .broadcast, "c")
    try ask(other, .broadcast, "a")
    gate.signal()
    #expect(loop.step())
    #expect(verdicts.codes == [nil, nil, .tokenScope, .topicNotAllowed])
    #expect(other.step())
    #expect(verdicts.codes.count == 5)
    #expect(verdicts.codes.last == .some(nil))
    #expect(loop.isIdle && other.isIdle)
    #expect(clock.reads == 1)
    authorizer.stop()
  }

  @Test("a loop that has room checks a token itself, in a later task; one that has none leaves it to a thread")
  func checkedOnLoop() throws {
    for hasRoom in [true, false] {
      let threads = Guarded<[pthread_t]>([])
      let clock = StandingClock { _ in threads.withLock { $0.append(pthread_self()) } }
      let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 1, now: clock.now)
      let (loop, verdicts) = (StepLoop(hasRoom: hasRoom), Verdicts())
      guard case .unverified(let verification) = authorizer.authorize(token, scope: .broadcast, topics: []) else {
        throw Refusal(.internal, "answered at once")
      }
      verification.run(on: loop) { verdicts.add($0) }
      #expect(verdicts.codes.isEmpty)
      while verdicts.codes.isEmpty, loop.step() {}
      #expect(verdicts.codes == [nil])
      #expect(loop.isIdle)
      #expect(authorizer.cachedTokens == 1)
      // The clock is read by whoever has checked the signature.
      #expect(threads.withLock { $0.map { pthread_equal($0, pthread_self()) != 0 } } == [hasRoom])
      authorizer.stop()
    }
  }

  @Test("stopping refuses who waits, and lets the check under way come to its end")
  func stop() throws {
    let (entered, gate, stopped) = (
      DispatchSemaphore(value: 0), DispatchSemaphore(value: 0), DispatchSemaphore(value: 0)
    )
    let clock = StandingClock { read in
      guard read == 1 else { return }
      entered.signal()
      gate.wait()
    }
    let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 1, now: clock.now)
    let (loop, verdicts) = (StepLoop(), Verdicts())
    func ask(_ token: String) throws {
      guard case .unverified(let verification) = authorizer.authorize(token, scope: .broadcast, topics: []) else {
        throw Refusal(.internal, "answered at once")
      }
      verification.run(on: loop) { verdicts.add($0) }
    }
    try ask(token)
    entered.wait()
    try ask(Self.token(key, id: "second"))
    Thread.detachNewThread {
      authorizer.stop()
      stopped.signal()
    }
    #expect(loop.step())
    #expect(verdicts.codes == [.draining, .draining])
    gate.signal()
    stopped.wait()
    #expect(loop.isIdle)
    authorizer.stop()
    try ask(Self.token(key, id: "third"))
    #expect(loop.step())
    #expect(verdicts.codes == [.draining, .draining, .draining])
  }

  @Test("an authorizer that is let go without a word ends its threads")
  func letGo() throws {
    weak var held: StandingClock?
    do {
      let clock = StandingClock()
      held = clock
      let authorizer = Authorizer(keys: [key.publicKey], leeway: 0, threads: 2, now: { clock.now() })
      #expect(try authorizer.inTheEnd(token, .broadcast, "a") == nil)
    }
    #expect(held == nil)
  }

  @Test("a callback dies on its loop, with all that it holds")
  func callbackDies() throws {
    final class Held {}
    let authorizer = authorizer(threads: 1)
    let loop = StepLoop()
    weak var held: Held?
    do {
      let object = Held()
      held = object
      guard case .unverified(let verification) = authorizer.authorize(token, scope: .broadcast, topics: []) else {
        throw Refusal(.internal, "answered at once")
      }
      verification.run(on: loop) { _ in withExtendedLifetime(object) {} }
    }
    #expect(held != nil)
    #expect(loop.step())
    #expect(held == nil)
    authorizer.stop()
  }

  @Test("many loops with many tokens and changing keys at once each get one right verdict for each question")
  func hammer() throws {
    let other = try PrivateKey.generate()
    let authorizer = Authorizer(
      keys: [key.publicKey, other.publicKey], leeway: 0, threads: 2, now: clock.now)
    let good = try (0..<12).map { try Self.token($0 % 2 == 0 ? key : other, id: "\($0)") }
    let bad = try Self.token(try PrivateKey.generate())
    let keys = [key.publicKey, other.publicKey]
    DispatchQueue.concurrentPerform(iterations: 4) { worker in
      var random = SeededGenerator(seed: UInt64(worker) + 1)
      let loop = StepLoop()
      var (asked, wrong) = (0, 0)
      let topics = ["a", "b"].compactMap { try? Topic($0) }
      for round in 0..<150 {
        let token = Int.random(in: 0..<8, using: &random) == 0 ? bad : good.randomElement(using: &random) ?? bad
        let expected: ErrorCode? = token == bad ? .tokenSignature : nil
        if round % 40 == 39 {
          authorizer.replaceKeys(KeySet(worker % 2 == 0 ? keys : keys.reversed()), revocations: RevocationList())
        }
        switch authorizer.authorize(token, scope: .broadcast, topics: topics) {
        case .granted: if expected != nil { wrong += 1 }
        case .refused: wrong += 1
        case .unverified(let verification):
          let verdicts = Verdicts()
          verification.run(on: loop) { verdicts.add($0) }
          asked += 1
          while verdicts.codes.isEmpty && loop.step() {}
          if verdicts.codes != [expected] { wrong += 1 }
        }
      }
      #expect(asked > 0)
      #expect(wrong == 0)
      #expect(loop.isIdle)
    }
    #expect(authorizer.cachedTokens <= good.count)
    authorizer.stop()
  }
}
