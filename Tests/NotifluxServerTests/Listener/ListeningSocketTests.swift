import Foundation
import NIOCore
import Testing

@testable import NotifluxServer

@Suite struct ListeningSocketTests {
  private func withFolder(_ body: (String) throws -> Void) throws {
    let name = "notiflux-\(UUID().uuidString.prefix(8))"
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(name)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try body(folder.path)
  }

  private func errorCode(_ body: () throws -> Void) -> Int32? {
    do { try body() } catch { return (error as? IOError)?.errnoCode }
    return nil
  }

  @Test("the file of a Unix-domain socket has the permissions asked for, and is gone at the end")
  func file() throws {
    try withFolder { folder in
      let path = "\(folder)/s"
      let socket = try ListeningSocket(.unix(path: path, mode: 0o606))
      #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o606)
      #expect(try socket.address().pathname == path)
      close(socket.descriptor)
      socket.removeFile()
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }

  @Test("what a server that is gone has left is taken over; a server that is there, or a file, is not")
  func taken() throws {
    try withFolder { folder in
      let path = "\(folder)/s"
      let first = try ListeningSocket(.unix(path: path, mode: 0o600))
      #expect(errorCode { _ = try ListeningSocket(.unix(path: path, mode: 0o600)) } == EADDRINUSE)
      close(first.descriptor)  // As a crash does: the file stays.
      let second = try ListeningSocket(.unix(path: path, mode: 0o600))
      first.removeFile()
      #expect(FileManager.default.fileExists(atPath: path), "another server's file must stay")
      close(second.descriptor)
      second.removeFile()
      try "important".write(toFile: path, atomically: true, encoding: .utf8)
      #expect(errorCode { _ = try ListeningSocket(.unix(path: path, mode: 0o600)) } == EADDRINUSE)
      #expect(try String(contentsOfFile: path, encoding: .utf8) == "important")
    }
  }

  @Test("a descriptor that was handed over must be a socket that listens; it does not block from then on")
  func inherited() throws {
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    #expect(errorCode { _ = try ListeningSocket(.inherited(descriptor: ends[0])) } == ENOTSOCK)
    for end in ends { close(end) }
    let bound = try ListeningSocket(.network(host: "127.0.0.1", port: 0))
    #expect(fcntl(bound.descriptor, F_SETFL, 0) == 0)
    let socket = try ListeningSocket(.inherited(descriptor: bound.descriptor))
    #expect(fcntl(socket.descriptor, F_GETFL) & O_NONBLOCK != 0)
    #expect(try socket.address().port ?? 0 > 0)
    close(socket.descriptor)
  }

  @Test("a server that cannot have all its addresses has none of them")
  func allOrNone() throws {
    try withFolder { folder in
      let (path, other) = ("\(folder)/s", "\(folder)/none/s")
      let addresses = [ListenAddress.unix(path: path, mode: 0o600), .unix(path: other, mode: 0o600)]
      #expect(throws: ListenFailure.self) { try SocketAcceptor.open(addresses) }
      #expect(!FileManager.default.fileExists(atPath: path))
    }
  }
}
