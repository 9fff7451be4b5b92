import NIOCore
import NotifluxProtocol
import Synchronization

/// Publishes messages over one kept-alive connection, in the order they were handed over.
///
/// Connects when there is something to send, reconnects when the server closed the connection, and tries again after
/// failures (``ClientConfiguration/retries``) where that cannot deliver a message twice.
public final class Publisher: Sendable {
  private let lane: PublishLane
  private let givesIDs: Bool
  private let lastNumber = Atomic(0)

  init(connector: Connector, configuration: ClientConfiguration) {
    lane = PublishLane(connector: connector, configuration: configuration)
    givesIDs = configuration.retries > 0 || configuration.retryTime != nil
  }

  /// Publishes one message, to all of `topics` or to none, and returns where it stands in the server's log (the last
  /// topic's place, of several).
  ///
  /// `topics` has 1 to 1000 entries; repetitions count once. `token` is a broadcast token for all of them. Within 5
  /// minutes the server delivers an `id`, of 1 to 128 bytes, once only per topic; without one, a random id is made
  /// where retries are on. Throws ``ClientError/cancelled`` as soon as the task is cancelled; the message may have gone
  /// out by then.
  public func publish(
    _ message: String, to topics: [Topic], token: String, id: String? = nil
  ) async throws(ClientError) -> Cursor {
    try await enqueue(message, to: topics, token: token, id: id).cursor()
  }

  /// Hands a message over and returns at once; ask the result for the answer. Use it to keep several messages in
  /// flight: they go out in the order of the calls, without waiting for each other's answers. The queue has no bound
  /// of its own, so await the oldest answer before handing over the hundredth message. Parameters and errors are those
  /// of ``publish(_:to:token:id:)``; what is wrong with them is thrown here, before anything is sent.
  public func enqueue(
    _ message: String, to topics: [Topic], token: String, id: String? = nil
  ) throws(ClientError) -> PendingPublish {
    guard !lane.isShutDown else { throw .cancelled }
    let id = id ?? (givesIDs ? Self.randomID() : nil)
    do {
      try Self.check(topics: topics, token: token)
      if let id { try BroadcastRequest.check(id: id) }
    } catch {
      throw .refused(error, status: nil)
    }
    var seen: Set<Topic> = []
    let request = BroadcastRequest(topics: topics.filter { seen.insert($0).inserted }, message: message, id: id)
    let job = PublishLane.Job(
      number: lastNumber.add(1, ordering: .relaxed).newValue, hasID: id != nil, token: token,
      body: ByteBuffer(bytes: request.json), promise: lane.eventLoop.makePromise())
    lane.enqueue(job)
    return PendingPublish(lane: lane, number: job.number, answer: job.promise.futureResult)
  }

  /// Closes the connection. What is under way, and everything from now on, fails with ``ClientError/cancelled``.
  func shutDown() async { await lane.shutDown() }

  private static func check(topics: [Topic], token: String) throws(Refusal) {
    guard !topics.isEmpty else { throw Refusal(.badRequest, "no topic is given; name at least one") }
    guard topics.count <= Limits.topicsPerBroadcast else {
      let most = Limits.topicsPerBroadcast
      throw Refusal(.badRequest, "\(topics.count) topics are given; at most \(most) are allowed at once")
    }
    try Token.check(token)
  }

  /// 128 random bits.
  private static func randomID() -> String {
    var generator = SystemRandomNumberGenerator()
    return String(generator.next(), radix: 36) + "-" + String(generator.next(), radix: 36)
  }
}

/// A message that was handed to a ``Publisher``.
public struct PendingPublish: Sendable {
  fileprivate let lane: PublishLane
  fileprivate let number: Int
  fileprivate let answer: EventLoopFuture<Cursor>

  /// Waits for the answer and returns the message's place in the server's log. Cancelling the waiting task gives the
  /// message up: it may still go out if it is already on its way.
  public func cursor() async throws(ClientError) -> Cursor {
    do {
      return try await withTaskCancellationHandler {
        try await answer.get()
      } onCancel: {
        if !lane.isShutDown { lane.cancel(number) }
      }
    } catch let error as ClientError {
      throw error
    } catch {
      throw .cancelled
    }
  }
}
