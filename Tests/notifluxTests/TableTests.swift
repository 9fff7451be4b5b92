import CommandTable
import Foundation
import Testing

@testable import notiflux

@Suite struct TableTests {
  private static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  @Test("the table of commands is sound: names, defaults, help texts and examples")
  func problems() {
    #expect(Commands.program.problems() == [])
  }

  /// `UPDATE_GOLDENS=1 swift test --filter TableTests` writes them anew.
  @Test("the pages in man/ say what the table says, and there is no other")
  func manPages() throws {
    let directory = Self.root.appendingPathComponent("man")
    let pages = Commands.program.manPages(date: Version.date)
    if ProcessInfo.processInfo.environment["UPDATE_GOLDENS"] != nil {
      for page in pages {
        try page.text.write(to: directory.appendingPathComponent(page.fileName), atomically: true, encoding: .utf8)
      }
    }
    for page in pages {
      let text = try String(contentsOf: directory.appendingPathComponent(page.fileName), encoding: .utf8)
      #expect(text == page.text, "\(page.fileName) is out of date; run UPDATE_GOLDENS=1 swift test --filter TableTests")
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() == pages.map(\.fileName).sorted())
  }

  /// `UPDATE_GOLDENS=1 swift test --filter TableTests` writes it anew.
  @Test("deploy/notiflux.default says what the table says")
  func serviceSettings() throws {
    let file = Self.root.appendingPathComponent("deploy/notiflux.default")
    if ProcessInfo.processInfo.environment["UPDATE_GOLDENS"] != nil {
      try ServiceSettings.text.write(to: file, atomically: true, encoding: .utf8)
    }
    #expect(
      try String(contentsOf: file, encoding: .utf8) == ServiceSettings.text,
      "deploy/notiflux.default is out of date; run UPDATE_GOLDENS=1 swift test --filter TableTests")
  }

  @Test("the README's table of settings has every option of serve, with its variable and default")
  func readme() throws {
    let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
    for row in ServeCommand.command.options {
      let line = readme.split(separator: "\n").first { line in
        line.hasPrefix("|")
          && (row.facts.name.map { line.contains("`--\($0)") } ?? line.contains("| `\(row.facts.variable ?? "")`"))
      }
      let found = try #require(line, "\(row.facts.title) is not in the README's table")
      if let variable = row.facts.variable { #expect(found.contains("`\(variable)`"), "\(found)") }
      if let text = row.facts.defaultText { #expect(found.contains(text), "\(text) is not in: \(found)") }
    }
  }
}
