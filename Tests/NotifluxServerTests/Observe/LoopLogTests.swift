import Logging
import NIOConcurrencyHelpers
import Testing

@testable import NotifluxServer

@Suite struct LoopLogTests {
  @Test("of one kind ten lines a tick are written, and how many were left out is told; other kinds are not concerned")
  func repeats() {
    let lines = NIOLockedValueBox<[String]>([])
    var log = LoopLog(Logger(label: "test") { _ in LineRecorder(lines: lines) })
    for number in 0..<25 { log.info("publish refused", code: "token_expired") { ["number": "\(number)"] } }
    log.info("publish refused", code: "bad_request") { [:] }
    #expect(lines.withLockedValue { $0.count } == 11)
    #expect(lines.withLockedValue { $0[9] } == "publish refused code=token_expired number=9")
    log.tick()
    #expect(lines.withLockedValue { $0.last } == "lines left out code=token_expired count=15 of=publish refused")
    log.info("publish refused", code: "token_expired") { [:] }
    log.tick()
    #expect(lines.withLockedValue { $0.count } == 13)
  }

  @Test("nothing is made of a line that nobody wants")
  func level() {
    var logger = Logger(label: "test") { _ in LineRecorder(lines: NIOLockedValueBox([])) }
    logger.logLevel = .warning
    var log = LoopLog(logger)
    log.info("publish refused", code: "bad_request") {
      Issue.record("made")
      return [:]
    }
  }
}
