import NIOCore
import NotifluxJWT
import NotifluxProtocol
import Testing

@testable import NotifluxServer

/// Keys and revocations that are replaced while clients go on.
@Suite struct ReloadTests {
  /// Publishes the numbers from 0 on over one connection, as fast as the answers come, each with the token that `token`
  /// gives for it, until that is nil. What was answered, other than 200.
  private static func publish(to server: TestServer, with token: (Int) throws -> String?) async throws -> [String] {
    let client = try await server.connect()
    var refusals: [String] = []
    var number = 0
    while let token = try token(number) {
      let body = #"{"topic":"t","message":"\#(number)"}"#
      try await client.send(
        "POST /broadcast HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer \(token)\r\n"
          + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
      let answer = try await client.readResponse()
      if !answer.head.hasPrefix("HTTP/1.1 200 ") { refusals.append(answer.body) }
      number += 1
    }
    return refusals
  }

  /// Subscribes to one topic again and again, as fast as the answers come, until `token` gives nil. The errors.
  private static func subscribe(to server: TestServer, with token: (Int) throws -> String?) async throws -> [String] {
    let client = try await server.webSocket(subprotocol: "notiflux.v1")
    var errors: [String] = []
    var number = 0
    while let token = try token(number) {
      try await client.sendText(#"{"type":"subscribe","topic":"t","token":"\#(token)"}"#)
      while case .text(let text)? = try await client.next() {
        let text = String(buffer: text)
        if text.contains(#""type":"error""#) { errors.append(text) }
        if text.contains(#""type":"error""#) || text.contains(#""type":"subscribed""#) { break }
      }
      number += 1
    }
    return errors
  }

  @Test("no valid token is refused while the keys change twenty times, whether it is remembered or new")
  func noGap() async throws {
    let key = try PrivateKey.generate()
    let others = try (0..<4).map { _ in try PrivateKey.generate().publicKey }
    let (signer, expires) = (TokenSigner(key: key), SystemClock.secondsSince1970() + 3600)
    @Sendable func token(_ scope: Scope, _ id: String) throws -> String {
      try signer.sign(Claims(topics: ["t"], scope: scope, expires: expires, id: id))
    }
    let remembered = try token(.broadcast, "remembered")
    let isDone = Guarded(false)
    try await TestServer.run(configure: { $0.keys = [key.publicKey] }) { server in
      try await withThrowingTaskGroup(of: [String].self) { group in
        group.addTask { try await Self.publish(to: server) { _ in isDone.withLock { $0 } ? nil : remembered } }
        group.addTask {
          try await Self.publish(to: server) { isDone.withLock { $0 } ? nil : try token(.broadcast, "\($0)") }
        }
        group.addTask {
          try await Self.subscribe(to: server) { isDone.withLock { $0 } ? nil : try token(.subscribe, "s\($0)") }
        }
        for round in 0..<20 {
          // The valid key is at another place each time, and what is revoked changes too.
          let keys = KeySet(others.prefix(round % 5) + [key.publicKey] + others.dropFirst(round % 5))
          server.server.replaceKeys(keys, revocations: try RevocationList(Array("jti \"not \(round)\"\n".utf8)))
          #expect(try await Self.publish(to: server) { $0 < 5 ? remembered : nil } == [])
        }
        isDone.withLock { $0 = true }
        for try await refusals in group { #expect(refusals == []) }
      }
    }
  }

  @Test("a revoked token is refused on a connection that goes on, and ends those that have subscribed with it")
  func revokes() async throws {
    let key = try PrivateKey.generate()
    try await TestServer.run(configure: { $0.keys = [key.publicKey] }) { server in
      let expires = SystemClock.secondsSince1970() + 3600
      func token(_ scope: Scope, _ subject: String) throws -> String {
        try TokenSigner(key: key).sign(
          Claims(topics: ["t"], scope: scope, expires: expires, issuedAt: 1000, subject: subject))
      }
      let (lost, kept) = (try token(.broadcast, "lost"), try token(.broadcast, "kept"))
      let (leaving, staying) = (try await server.webSocket(), try await server.webSocket())
      try await leaving.subscribe("t", try token(.subscribe, "lost"))
      try await staying.subscribe("t", try token(.subscribe, "kept"))
      let list = try RevocationList(Array("sub lost before 1970-01-01T00:16:41Z\n".utf8))
      let refusals = try await Self.publish(to: server) { number in
        if number == 3 { server.server.replaceKeys([key.publicKey], revocations: list) }
        return number < 5 ? lost : number == 5 ? kept : nil
      }
      #expect(refusals.count == 2)
      #expect(refusals.allSatisfy { $0.contains(#""code":"token_claims""#) && $0.contains("revoked") })
      for text in ["0", "1", "2", "5"] { #expect(try await staying.next() == .text(ByteBuffer(string: text))) }
      for text in ["0", "1", "2"] { #expect(try await leaving.next() == .text(ByteBuffer(string: text))) }
      guard case .close(.unauthorized?, let reason)? = try await leaving.next() else {
        return #expect(Bool(false), "no close")
      }
      #expect(reason.contains("revoked"))
    }
  }

  @Test("a key that is taken out opens nothing any more, and leaves those be who have subscribed by it")
  func retires() async throws {
    let (old, new) = (try PrivateKey.generate(), try PrivateKey.generate())
    try await TestServer.run(configure: { $0.keys = [old.publicKey] }) { server in
      func token(_ key: PrivateKey, _ scope: Scope) throws -> String {
        let expires = SystemClock.secondsSince1970() + 3600
        return try TokenSigner(key: key).sign(Claims(topics: ["t"], scope: scope, expires: expires, id: "x"))
      }
      let subscriber = try await server.webSocket()
      try await subscriber.subscribe("t", try token(old, .subscribe))
      server.server.replaceKeys([new.publicKey], revocations: try RevocationList(Array("jti y\n".utf8)))
      let tokens = try [token(old, .broadcast), token(new, .broadcast)]
      let refusals = try await Self.publish(to: server) { $0 < 2 ? tokens[$0] : nil }
      #expect(refusals.count == 1 && refusals.first?.contains("token_signature") == true)
      #expect(try await subscriber.next() == .text(ByteBuffer(string: "1")))
    }
  }
}
