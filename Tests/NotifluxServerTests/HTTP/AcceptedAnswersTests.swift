import NIOCore
import NotifluxProtocol
import Testing

@testable import NotifluxServer

@Suite struct AcceptedAnswersTests {
  private func usual(_ cursor: Cursor, date: String) -> String {
    String(
      buffer: HTTPResponse.accepted(cursor).encoded(for: nil, closes: false, date: date, origins: .unrestricted))
  }

  @Test("an answer is the same as one that is made anew, however many digits its number and the last one have")
  func same() {
    let sequences: [UInt64] = Array(1...1200) + [9, 10, 9, 100_000, 99_999, 7, .max, .max - 1, 0]
    for date in ["D", "Thu, 01 Jan 1970 00:16:40 GMT"] {
      var answers = AcceptedAnswers(date: date)
      for sequence in sequences {
        let cursor = Cursor(epoch: "aZ-_09", sequence: sequence)
        #expect(String(buffer: answers.answer(cursor)) == usual(cursor, date: date))
      }
    }
  }

  @Test("an answer that is not sent yet stays what it is")
  func unsent() {
    var answers = AcceptedAnswers(date: "D")
    let cursors = (10..<15).map { Cursor(epoch: "e", sequence: UInt64($0)) }
    let unsent = cursors.map { answers.answer($0) }
    #expect(unsent.map { String(buffer: $0) } == cursors.map { usual($0, date: "D") })
  }
}
