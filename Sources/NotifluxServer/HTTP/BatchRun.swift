import NIOCore
import NotifluxProtocol

/// One `POST /broadcast` with a body of lines: each is a publish of its own, answered by a line, in order. At most
/// `window` lines are without an answer, so that memory is bounded however long the body is. Confined to its event loop.
final class BatchRun {
  private static let window = 32

  /// Holds this in turn, until all is answered or the client has gone.
  private let connection: Connection
  private let bearer: ArraySlice<UInt8>?
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
  /// The last line is being read, its token verified or its bytes made. It holds back the lines after it, so that they are published in
  /// order.
  private var isHeldUp = false

  init(
    connection: Connection, bearer: ArraySlice<UInt8>?, send: @escaping (_ lines: [UInt8], _ isLast: Bool) -> Void
  ) {
    self.connection = connection
    self.bearer = bearer
    self.send = send
    splitter = LineSplitter(limit: connection.worker.configuration.maximumMessageSize)
  }

  fileprivate var worker: Worker { connection.worker }

  private var bearerToken: String? { bearer.map { String(decoding: $0, as: UTF8.self) } }

  /// Nothing more should be fed before answers have gone out.
  var isFull: Bool { isHeldUp || answers.count >= Self.window }

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
    let published = PublishedLine(batch: self, number: number)
    do throws(Refusal) {
      let json = try json(of: line)
      if json.readableBytes > Limits.largeMessage {
        published.began = worker.loop.turnTime
        return try readAway(json, published)
      }
      if json.withUnsafeReadableBytes({ publishAgain($0, by: published) }) { return }
      published.began = worker.loop.turnTime
      try authorize(read(json), published)
    } catch {
      refuse(number, error)
    }
  }

  private func publishAgain(_ json: UnsafeRawBufferPointer, by line: PublishedLine) -> Bool {
    BroadcastEndpoint.publishAgain(json, bearerToken: bearer, by: line, worker: worker)
  }

  private func authorize(
    _ broadcast: BroadcastRequest, holding share: RequestMemory.Share? = nil, _ line: PublishedLine
  ) {
    isHeldUp = true
    BroadcastEndpoint.authorization(of: broadcast, bearerToken: bearerToken, for: connection)
      .settle(on: worker.loop) { [self] result in
        switch result {
        case .success: publish(broadcast, holding: share, by: line)
        case .failure(let refusal): refuse(line.number, refusal)
        }
      }
  }

  /// A line that would hold the loop up is read by another thread. Its bytes count as those of a body do.
  private func readAway(_ json: ByteBuffer, _ line: PublishedLine) throws(Refusal) {
    try BroadcastEndpoint.checkOpen(worker)
    let memory = worker.services.requestMemory
    guard memory.take(json.readableBytes) else {
      worker.counters.limitsReached[.requestMemory] += 1
      throw Refusal(.rateLimited, "the server is busy with too many large requests; try again")
    }
    isHeldUp = true
    let share = RequestMemory.Share(json.readableBytes, of: memory)
    worker.services.largeMessages.read(Array(buffer: json), on: worker.loop) { [self] outcome in
      switch outcome {
      case .success(let broadcast): authorize(broadcast, holding: share, line)
      case .failure(let refusal): refuse(line.number, refusal)
      }
    }
  }

  private func json(of line: LineSplitter.Line) throws(Refusal) -> ByteBuffer {
    guard case .complete(let json) = line else {
      throw Refusal(.tooLarge, "the line has more than \(worker.configuration.maximumMessageSize) bytes")
    }
    return json
  }

  private func read(_ json: ByteBuffer) throws(Refusal) -> BroadcastRequest {
    // A closure's typed throw does not pass through `withUnsafeReadableBytes`, its result does.
    try json.withUnsafeReadableBytes { bytes in
      Result { () throws(Refusal) -> BroadcastRequest in try BroadcastEndpoint.read(bytes, worker: worker) }
    }.get()
  }

  private func publish(
    _ broadcast: BroadcastRequest, holding share: RequestMemory.Share?, by line: PublishedLine
  ) {
    BroadcastEndpoint.publish(broadcast, holding: share, by: line, worker: worker) { [self] in
      isHeldUp = false
      work()
    }
  }

  private func refuse(_ number: Int, _ refusal: Refusal) {
    isHeldUp = false
    worker.refused(.publish, refusal, of: connection)
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
  /// When it was read, if it was not accepted at once.
  var began: Double?

  init(batch: BatchRun, number: Int) {
    self.batch = batch
    self.number = number
  }

  func wasPublished(_ cursor: Cursor, accepted: Double) {
    batch.worker.answeredPublishes.append(began ?? accepted)
    batch.answer(number, .accepted(cursor))
  }
}

extension CircularBuffer {
  fileprivate subscript(offset offset: Int) -> Element {
    get { self[index(startIndex, offsetBy: offset)] }
    set { self[index(startIndex, offsetBy: offset)] = newValue }
  }
}
