import NIOCore
import NotifluxProtocol

/// One `POST /broadcast` with a body of lines: each is a publish of its own, answered by a line, in order. At most
/// `window` lines are without an answer, so that memory is bounded however long the body is. Confined to its event loop.
final class BatchRun {
  private static let window = 32

  /// Holds this in turn, until all is answered or the client has gone.
  private let connection: Connection
  private let bearerToken: String?
  /// Of the last line that was granted.
  private var grant: Grant?
  /// Takes answers as they can be sent; called with the last one's `isLast`.
  private let send: (_ lines: [UInt8], _ isLast: Bool) -> Void
  private var splitter: LineSplitter
  /// The body is complete; answers may still be missing.
  private(set) var hasEnded = false
  /// One place a line, in order; empty until its answer is there.
  private var answers = CircularBuffer<BroadcastAnswer?>()
  /// How many answers have gone out.
  private var answered = 0
  private var isWorking = false
  /// The last line's token is being verified. It holds back the lines after it, so that they are published in order.
  private var isVerifying = false

  init(
    connection: Connection, bearerToken: String?, send: @escaping (_ lines: [UInt8], _ isLast: Bool) -> Void
  ) {
    self.connection = connection
    self.bearerToken = bearerToken
    self.send = send
    splitter = LineSplitter(limit: connection.worker.configuration.maximumMessageSize)
  }

  private var worker: Worker { connection.worker }

  /// Nothing more should be fed before answers have gone out.
  var isFull: Bool { isVerifying || answers.count >= Self.window }

  /// Bytes that wait for the rest of their line, or for room for answers.
  var heldBytes: Int { splitter.heldBytes }

  /// Whether every line that is complete has its answer.
  var waitsForLines: Bool { !hasEnded && answers.isEmpty }

  func feed(_ bytes: UnsafeRawBufferPointer) {
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
      let broadcast = try read(line)
      isVerifying = true
      let authorization = BroadcastEndpoint.authorization(
        of: broadcast, bearerToken: bearerToken, for: connection, remembering: &grant)
      authorization.settle(on: worker.loop) { [self] result in
        isVerifying = false
        switch result {
        case .success: publish(broadcast, number)
        case .failure(let refusal): refuse(number, refusal)
        }
      }
    } catch {
      refuse(number, error)
    }
  }

  private func read(_ line: LineSplitter.Line) throws(Refusal) -> BroadcastRequest {
    guard case .complete(let json) = line else {
      throw Refusal(.tooLarge, "the line has more than \(worker.configuration.maximumMessageSize) bytes")
    }
    // A closure's typed throw does not pass through `withUnsafeReadableBytes`, its result does.
    return try json.withUnsafeReadableBytes { bytes in
      Result { () throws(Refusal) -> BroadcastRequest in try BroadcastEndpoint.read(bytes, like: grant, worker: worker)
      }
    }.get()
  }

  private func publish(_ broadcast: BroadcastRequest, _ number: Int) {
    BroadcastEndpoint.publish(broadcast, by: PublishedLine(batch: self, number: number), worker: worker)
    work()
  }

  private func refuse(_ number: Int, _ refusal: Refusal) {
    BroadcastEndpoint.log(refusal, worker: worker)
    answer(number, .refused(refusal))
  }

  fileprivate func answer(_ number: Int, _ answer: BroadcastAnswer) {
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

/// A line that waits for its cursor.
private final class PublishedLine: Publishing {
  let batch: BatchRun
  let number: Int

  init(batch: BatchRun, number: Int) {
    self.batch = batch
    self.number = number
  }

  func wasPublished(_ cursor: Cursor) { batch.answer(number, .accepted(cursor)) }
}

extension CircularBuffer {
  fileprivate subscript(offset offset: Int) -> Element {
    get { self[index(startIndex, offsetBy: offset)] }
    set { self[index(startIndex, offsetBy: offset)] = newValue }
  }
}
