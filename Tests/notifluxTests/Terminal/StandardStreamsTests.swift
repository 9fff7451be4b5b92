import Glibc
import Testing

@testable import notiflux

@Suite("Standard streams")
struct StandardStreamsTests {
  @Test(
    "colour needs a terminal that knows it and no NO_COLOR",
    arguments: [
      (nil, "xterm", true, true), ("", "xterm", true, true), ("1", "xterm", true, false), ("0", "xterm", true, false),
      (nil, "dumb", true, false), (nil, nil, true, false), (nil, "", true, false), (nil, "xterm", false, false),
    ] as [(String?, String?, Bool, Bool)])
  func colour(noColour: String?, terminal: String?, isTerminal: Bool, wanted: Bool) {
    #expect(
      StandardStream.wantsColour(noColour: noColour, terminal: terminal, isTerminal: isTerminal) == wanted)
  }

  @Test("a write to a pipe without a reader reports EPIPE instead of ending the process")
  func brokenPipe() throws {
    ignoreBrokenPipeSignal()
    let ends = try #require(makePipe())
    close(ends.read)
    let code = Array("text".utf8).withUnsafeBytes { writeFully($0, to: ends.write) }
    close(ends.write)
    #expect(code == EPIPE)
  }

  @Test("a write that a non-blocking pipe cannot take at once is completed as it drains")
  func slowReader() async throws {
    let ends = try #require(makePipe())
    let sent = (0..<1_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let writer = Task.detached {
      let code = sent.withUnsafeBytes { writeFully($0, to: ends.write) }
      close(ends.write)
      return code
    }
    var received: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while true {
      let (count, code) = chunk.withUnsafeMutableBytes { readSome(from: ends.read, into: $0) }
      #expect(code == 0)
      guard count > 0 else { break }
      received += chunk[..<count]
    }
    close(ends.read)
    #expect(received == sent)
    #expect(await writer.value == 0)
  }

  @Test("a failed write is told with the stream and the reason")
  func failureText() {
    let failure = StandardStream.Failure.failed(stream: .output, code: ENOSPC)
    #expect("\(failure)" == "cannot write to standard output: No space left on device")
  }
}
