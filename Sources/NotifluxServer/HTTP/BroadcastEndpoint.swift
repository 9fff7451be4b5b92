import Logging
import NotifluxProtocol

/// `POST /broadcast`: publishes one message to one or several topics. A body of lines is a ``BatchRun`` instead.
enum BroadcastEndpoint {
  static func respond(
    to head: RequestHead, body: UnsafeRawBufferPointer, for connection: Connection, _ reply: @escaping (Reply) -> Void
  ) {
    let worker = connection.worker
    do throws(Refusal) {
      guard head.content == .json else {
        throw Refusal(
          .unsupportedMediaType,
          "the body must be JSON; send Content-Type: application/json, or application/x-ndjson for many")
      }
      let broadcast = try read(body, worker: worker)
      // Not by `settle`: where the token is known, which is nearly always, that would cost a closure for nothing.
      switch authorization(of: broadcast, bearerToken: head.bearerToken, for: connection) {
      case .granted: publish(broadcast, worker: worker) { reply(.answer(.accepted($0))) }
      case .refused(let refusal): throw refusal
      case .unverified(let verification):
        verification.run(on: worker.loop) { verdict in
          switch verdict {
          case .success: publish(broadcast, worker: worker) { reply(.answer(.accepted($0))) }
          case .failure(let refusal): refuse(refusal, worker: worker, reply)
          }
        }
      }
    } catch {
      refuse(error, worker: worker, reply)
    }
  }

  private static func refuse(_ refusal: Refusal, worker: Worker, _ reply: (Reply) -> Void) {
    log(refusal, worker: worker)
    reply(.refusal(refusal))
  }

  /// Whether the body is lines, each a publish of its own.
  static func isBatch(_ head: RequestHead) -> Bool { head.method == .post && head.content == .lines }

  // MARK: The steps of one publish

  static func read(_ json: UnsafeRawBufferPointer, worker: Worker) throws(Refusal) -> BroadcastRequest {
    guard !worker.isDraining else {
      throw Refusal(.draining, "the server is shutting down; publish again in a second")
    }
    return try BroadcastRequest(json: json)
  }

  /// Whether `broadcast` may be published, as far as that is known at once.
  static func authorization(
    of broadcast: BroadcastRequest, bearerToken: @autoclosure () -> String?, for connection: Connection
  ) -> Authorization {
    connection.worker.services.authorizer
      .authorize(broadcast.token ?? bearerToken(), scope: .broadcast, topics: broadcast.topics, by: connection)
  }

  /// Calls `done` on the worker's loop when every matching live connection has the message in its queue.
  static func publish(_ broadcast: BroadcastRequest, worker: Worker, _ done: @escaping (Cursor) -> Void) {
    worker.services.hub
      .publish(broadcast.message, to: broadcast.topics, id: broadcast.id, on: worker.loop, done)
  }

  /// One line each, but for those that are told to slow down: they would write the log full.
  static func log(_ refusal: Refusal, worker: Worker) {
    if refusal.code == .rateLimited { return worker.tally.rateLimited += 1 }
    worker.services.logger.info(
      "publish refused", metadata: [LogKey.code: "\(refusal.code.rawValue)", LogKey.reason: "\(refusal.message)"])
  }
}
