import Glibc
import Testing

@testable import notiflux

@Suite("Standard input")
struct StandardInputTests {
  @Test(
    "lines come without their line feed and otherwise unchanged",
    arguments: [
      ("", []), ("a\nb\n", ["a", "b"]), ("a\nb", ["a", "b"]), ("\n\n", ["", ""]), ("a\r\nb\r\n", ["a\r", "b\r"]),
      ("Grüße\n\u{0}\u{1B}\n日本", ["Grüße", "\u{0}\u{1B}", "日本"]),
    ] as [(String, [String])],
    [1, 3, 4096])
  func lines(example: (input: String, lines: [String]), bufferSize: Int) throws {
    try withInput(Array(example.input.utf8)) { descriptor in
      var reader = LineReader(descriptor: descriptor, maximumLength: 100, bufferSize: bufferSize)
      var lines: [[UInt8]] = []
      while let line = try reader.next() { lines.append(Array(line.utf8)) }
      #expect(lines == example.lines.map { Array($0.utf8) })
      #expect(reader.lineNumber == lines.count)
    }
  }

  @Test("a line of just the greatest length passes, one byte more is refused with its number", arguments: [1, 4096])
  func lengthLimit(bufferSize: Int) throws {
    try withInput(Array("12345\n123456\nafter\n".utf8)) { descriptor in
      var reader = LineReader(descriptor: descriptor, maximumLength: 5, bufferSize: bufferSize)
      try expectLine("12345", of: &reader)
      #expect(throws: StandardInputError.lineTooLong(line: 2, limit: 5)) { try reader.next() }
      try expectLine(nil, of: &reader)
    }
  }

  @Test("a line without end is refused before the input ends")
  func endlessLine() throws {
    let ends = try #require(makePipe())
    _ = Array(repeating: UInt8(ascii: "x"), count: 1000).withUnsafeBytes { writeFully($0, to: ends.write) }
    var reader = LineReader(descriptor: ends.read, maximumLength: 99, bufferSize: 16)
    #expect(throws: StandardInputError.lineTooLong(line: 1, limit: 99)) { try reader.next() }
    close(ends.write)
    close(ends.read)
  }

  @Test("bytes that are not UTF-8 are refused with the number of their line")
  func invalidText() throws {
    try withInput(Array("good\n".utf8) + [0xC3, 0x28, 0x0A]) { descriptor in
      var reader = LineReader(descriptor: descriptor, maximumLength: 100)
      try expectLine("good", of: &reader)
      #expect(throws: StandardInputError.notUTF8(line: 2)) { try reader.next() }
    }
    try withInput(Array("a\nb\n".utf8) + [0xFF]) { descriptor in
      #expect(throws: StandardInputError.notUTF8(line: 3)) {
        try readAllText(descriptor: descriptor, maximumLength: 100)
      }
    }
  }

  @Test("all of the input is read byte for byte, up to its bound")
  func wholeText() throws {
    let text = "one\r\ntwo\n\n" + String(repeating: "é", count: 50_000)
    try withInput(Array(text.utf8)) { descriptor in
      let read = try readAllText(descriptor: descriptor, maximumLength: text.utf8.count)
      #expect(Array(read.utf8) == Array(text.utf8))
    }
    try withInput(Array(text.utf8)) { descriptor in
      #expect(throws: StandardInputError.tooLong(limit: 100)) {
        try readAllText(descriptor: descriptor, maximumLength: 100)
      }
    }
  }

  @Test("many long lines survive whatever the pieces they arrive in")
  func manyLines() throws {
    let lines = (0..<20_000).map { "line \($0) " + String(repeating: "x", count: $0 % 300) }
    try withInput(Array(lines.joined(separator: "\n").utf8)) { descriptor in
      var reader = LineReader(descriptor: descriptor, maximumLength: 1000, bufferSize: 1000)
      var index = 0
      while let line = try reader.next() {
        if line != lines[index] { Issue.record("line \(index + 1) differs") }
        index += 1
      }
      #expect(index == lines.count)
    }
  }

  @Test("a descriptor that cannot be read is an error, not an empty input")
  func unreadable() {
    #expect(throws: StandardInputError.unreadable(code: EBADF)) {
      try readAllText(descriptor: -1, maximumLength: 10)
    }
    var reader = LineReader(descriptor: -1, maximumLength: 10)
    #expect(throws: StandardInputError.unreadable(code: EBADF)) { try reader.next() }
  }

  private func expectLine(_ expected: String?, of reader: inout LineReader) throws {
    let line = try reader.next()
    #expect(line == expected)
  }

  /// Runs the body with a descriptor from which these bytes can be read, then its end.
  private func withInput(_ bytes: [UInt8], _ body: (Int32) throws -> Void) throws {
    let file = try #require(tmpfile())
    defer { fclose(file) }
    let descriptor = fileno(file)
    #expect(bytes.withUnsafeBytes { writeFully($0, to: descriptor) } == 0)
    lseek(descriptor, 0, SEEK_SET)
    try body(descriptor)
  }
}
