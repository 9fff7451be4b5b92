import Logging
import NIOCore
import NotifluxProtocol

/// One `POST /broadcast` with a body of lines: each is a publish of its own, answered by a line, in order. At most
/// `window` lines are without an answer, so that memory is bounded however long the body is. Confined to its event loop.
final class BatchRun {
  private static let window = 32

  private let worker: Worker
  private let bearerToken: String?
  /// Takes answers as they can be sent; called with the last one's `isLast`.
  private let send: (_ lines: [UInt8], _ isLast: Bool) -> Void
  private var splitter: LineSplitter
  private var hasEnded = false
  /// One place a line, in order; empty until its answer is there.
  private var answers = CircularBuffer<BroadcastAnswer?>()
  /// How many answers have gone out.
  private var answered = 0
  private var isWorking = false

  init(worker: Worker, bearerToken: String?, send: @escaping (_ lines: [UInt8], _ isLast: Bool) -> Void) {
    self.worker = worker
    self.bearerToken = bearerToken
    self.send = send
    splitter = LineSplitter(limit: worker.configuration.maximumMessageSize)
  }

  /// Nothing more should be fed before answers have gone out.
  var isFull: Bool { answers.count >= Self.window }

  func feed(_ bytes: ByteBuffer) {
    splitter.feed(bytes)
    work()
  }

  func end() {
    splitter.end()
    hasEnded = true
    work()
  }

  private func work() {
    guard !isWorking else { return }  // An answer that is there at once comes back to here.
    isWorking = true
    defer { isWorking = false }
    repeat {
      while !isFull, let line = splitter.next() { publish(line) }
    } while sendAnswers()
  }

  private func publish(_ line: LineSplitter.Line) {
    let number = answered + answers.count
    answers.append(nil)
    do throws(Refusal) {
      try accept(line).assumeIsolated().whenComplete { result in
        let failure = BroadcastAnswer.refused(Refusal(.internal, "the server failed"))
        self.answer(number, (try? result.get()).map(BroadcastAnswer.accepted) ?? failure)
      }
    } catch {
      worker.services.logger.info(
        "publish refused", metadata: [LogKey.code: "\(error.code.rawValue)", LogKey.reason: "\(error.message)"])
      answer(number, .refused(error))
    }
  }

  private func accept(_ line: LineSplitter.Line) throws(Refusal) -> EventLoopFuture<Cursor> {
    guard case .complete(let json) = line else {
      throw Refusal(.tooLarge, "the line has more than \(worker.configuration.maximumMessageSize) bytes")
    }
    return try BroadcastEndpoint.publish(json, bearerToken: bearerToken, worker: worker)
  }

  private func answer(_ number: Int, _ answer: BroadcastAnswer) {
    answers[offset: number - answered] = answer
    work()
  }

  /// Sends what is answered at the front; returns whether there is room for more lines now.
  private func sendAnswers() -> Bool {
    var lines: [UInt8] = []
    let wasFull = isFull
    while case let answer?? = answers.first {
      answers.removeFirst()
      answered += 1
      lines += answer.json
      lines.append(UInt8(ascii: "\n"))
    }
    // Only when the splitter has nothing left, or it would not have stopped.
    let isLast = hasEnded && answers.isEmpty && !wasFull
    if !lines.isEmpty || isLast { send(lines, isLast) }
    return wasFull && !isFull
  }
}

extension CircularBuffer {
  fileprivate subscript(offset offset: Int) -> Element {
    get { self[index(startIndex, offsetBy: offset)] }
    set { self[index(startIndex, offsetBy: offset)] = newValue }
  }
}
