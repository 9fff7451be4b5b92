import Foundation
import Testing

@testable import notiflux

@Suite("The history file")
struct HistoryFileTests {
  @Test("entries come back as they were, in a file for the user alone whose folder is made")
  func roundTrip() throws {
    try withFolder { folder in
      let history = HistoryFile(path: folder + "/new/deep/history", limit: 10)
      let entries = ["/subscribe news …", "two\nlines", "back\\slash \\n", "Grüße", "\\", "trailing\\"]
      #expect(try history.load() == [])
      for entry in entries { try history.append(entry) }
      #expect(try history.load() == entries)
      #expect(try mode(of: history.path) == 0o600)
      #expect(try mode(of: folder + "/new") == 0o700)
    }
  }

  @Test("the newest entries are loaded, and a file well over the limit is shortened in place of the old one")
  func shortening() throws {
    try withFolder { folder in
      let history = HistoryFile(path: folder + "/history", limit: 10)
      for number in 1...30 { try history.append("entry \(number)") }
      let newest = (21...30).map { "entry \($0)" }
      #expect(try history.load() == newest)
      #expect(try HistoryFile(path: history.path, limit: 1000).load() == newest)
      #expect(try mode(of: history.path) == 0o600)
      #expect(try names(in: folder) == ["history"])
    }
  }

  @Test("a link to the file stays a link")
  func link() throws {
    try withFolder { folder in
      #expect(symlink(folder + "/real", folder + "/history") == 0)
      let history = HistoryFile(path: folder + "/history", limit: 2)
      for number in 1...9 { try history.append("entry \(number)") }
      #expect(try history.load() == ["entry 8", "entry 9"])
      #expect(try names(in: folder) == ["history", "real"])
      #expect(try HistoryFile(path: folder + "/real", limit: 100).load() == ["entry 8", "entry 9"])
    }
  }

  @Test("sessions that append and shorten at the same time lose no whole entry's form")
  func sharing() async throws {
    try await withFolder { folder in
      let path = folder + "/history"
      await withTaskGroup { group in
        for session in 0..<4 {
          group.addTask {
            let history = HistoryFile(path: path, limit: 20)
            for number in 0..<50 {
              #expect(throws: Never.self) { try history.append("session \(session) entry \(number)") }
              if number % 5 == 0 { #expect(throws: Never.self) { try history.load() } }
            }
          }
        }
      }
      let entries = try HistoryFile(path: path, limit: 1000).load()
      #expect(entries.count >= 20)
      #expect(entries.allSatisfy { $0.wholeMatch(of: /session [0-3] entry [0-9]+/) != nil })
    }
  }

  @Test("/dev/null as the file keeps nothing and is left alone")
  func devNull() throws {
    let history = HistoryFile(path: "/dev/null", limit: 1)
    try history.append("entry")
    #expect(try history.load() == [])
  }

  @Test("a file that cannot be used is named with the reason")
  func unusable() throws {
    try withFolder { folder in
      let history = HistoryFile(path: folder, limit: 1)
      let failure = #expect(throws: HistoryFile.Failure.self) { try history.append("entry") }
      #expect(failure.map { "\($0)" } == "history is not kept, \(folder): Is a directory")
    }
  }

  private func mode(of path: String) throws -> UInt32 {
    var status = stat()
    try #require(stat(path, &status) == 0)
    return status.st_mode & 0o777
  }

  private func names(in folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  private func withFolder(_ body: (String) throws -> Void) throws {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try body(folder)
  }

  private func withFolder(_ body: (String) async throws -> Void) async throws {
    let folder = try makeFolder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try await body(folder)
  }

  private func makeFolder() throws -> String {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("notiflux-history-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    return folder.path
  }
}
