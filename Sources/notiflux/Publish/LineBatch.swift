import CommandTable
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// `publish --lines`: one task reads and sends, another takes the answers, both in the order of the lines. At most
/// `window` messages are without an answer, so that memory is bounded whatever is piped in.
struct LineBatch: Sendable {
  private static let window = 256

  let run: PublishRun
  let publisher: Publisher

  private struct Sent: Sendable {
    let line: Int
    let answer: PendingPublish
  }

  /// Why reading ended before the input did.
  private enum Stop: Error {
    case input(StandardInputError)
    case client(ClientError)
    case output(StandardStream.Failure)
  }

  func run() async -> ExitCode {
    let progress = Progress(isShown: run.output == .cursors)
    let (answers, pending) = AsyncStream.makeStream(of: Sent.self)
    let (places, free) = AsyncStream.makeStream(of: Void.self)
    for _ in 0..<Self.window { free.yield() }
    let reading = Task {
      defer { pending.finish() }
      return await outcome { () throws(Stop) in try await send(to: pending, places: places) }
    }
    var code = ExitCode.success
    var stop: Stop?
    for await sent in answers where stop == nil {
      do throws(Stop) {
        if let refused = try await take(sent, progress) { code = refused }
      } catch {
        stop = error
        reading.cancel()
      }
      free.yield()
    }
    free.finish()
    // A reader that is blocked in a read that never ends is left behind; the process ends under it.
    if stop == nil, case .failure(let error) = await reading.value { stop = error }
    progress.finish()
    return report(stop, code, progress.counts)
  }

  private func send(to pending: AsyncStream<Sent>.Continuation, places: AsyncStream<Void>) async throws(Stop) {
    let input = LineSource(maximumLength: PublishCommand.maximumLength)
    var places = places.makeAsyncIterator()
    var token = RenewedToken(credentials: run.credentials, topic: run.topic)
    var line = 0
    while await places.next(isolation: nil) != nil, !Task.isCancelled {
      let text: String?
      do { text = try await input.next() } catch { throw .input(error) }
      guard let text else { return }
      line += 1
      do {
        let answer = try publisher.enqueue(text, to: [run.topic], token: try token.current())
        pending.yield(Sent(line: line, answer: answer))
      } catch {
        throw .client(error)
      }
    }
  }

  /// Returns the exit code of a refusal that concerns this one message; throws for what ends them all.
  private func take(_ sent: Sent, _ progress: Progress) async throws(Stop) -> ExitCode? {
    switch await outcome({ () throws(ClientError) in try await sent.answer.cursor() }) {
    case .success(let cursor):
      progress.sent()
      if run.output == .json { try write(.accepted(cursor)) }
      return nil
    case .failure(.refused(let refusal, _)) where refusal.code.exitCode == .failure:
      progress.failed()
      progress.note("notiflux: line \(sent.line) was not published: \(refusal.message)")
      if run.output == .json { try write(.refused(refusal)) }
      return .failure
    case .failure(let error):
      progress.note("notiflux: line \(sent.line) was not confirmed, nor any after it")
      throw .client(error)
    }
  }

  private func write(_ answer: BroadcastAnswer) throws(Stop) {
    do { try run.write(answer) } catch { throw .output(error) }
  }

  private func report(_ stop: Stop?, _ code: ExitCode, _ counts: ProgressCounts) -> ExitCode {
    switch stop {
    case .input(let error): Notiflux.say("\(error)")
    case .client(let error): Notiflux.say("\(error)")
    case .output(.brokenPipe): return .success
    case .output(let error): Notiflux.say("\(error)")
    case nil: break
    }
    if run.output == .cursors {
      let refused = counts.failed == 0 ? "" : ", \(counts.failed) refused"
      Notiflux.say("\(counts.sent) published\(refused)")
    }
    if case .client(let error) = stop { return error.exitCode }
    return stop == nil ? code : .failure
  }
}

/// A token that is made anew before it expires; a given one stays.
struct RenewedToken {
  /// Half of what a token lives, so that one is never sent in its last moments.
  private static let lifetime = Duration.seconds(30)

  let credentials: Credentials
  let topic: Topic
  private var made: (token: String, at: ContinuousClock.Instant)?

  init(credentials: Credentials, topic: Topic) {
    self.credentials = credentials
    self.topic = topic
  }

  mutating func current() throws(ClientError) -> String {
    let now = ContinuousClock.now
    if let made, now - made.at < Self.lifetime { return made.token }
    do {
      let token = try credentials.token(.broadcast, topics: [topic])
      made = (token, now)
      return token
    } catch {
      throw .noToken("\(error)")
    }
  }
}
