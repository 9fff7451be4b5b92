import Logging
import NotifluxProtocol

/// `POST /broadcast`: publishes one message to one or several topics. A body of lines is a ``BatchRun`` instead.
enum BroadcastEndpoint {
  /// `connection` is told when it is published, or refused.
  static func respond(to head: RequestHead, body: UnsafeRawBufferPointer, for connection: HTTPConnection) {
    let worker = connection.worker
    do throws(Refusal) {
      guard head.content == .json else {
        throw Refusal(
          .unsupportedMediaType,
          "the body must be JSON; send Content-Type: application/json, or application/x-ndjson for many")
      }
      let broadcast = try read(body, like: connection.grant, worker: worker)
      // Not by `settle`: where the token is known, which is nearly always, that would cost a closure for nothing.
      switch authorization(
        of: broadcast, bearerToken: head.bearerToken, for: connection, remembering: &connection.grant)
      {
      case .granted: publish(broadcast, by: connection, worker: worker)
      case .refused(let refusal): throw refusal
      case .unverified(let verification):
        verification.run(on: worker.loop) { verdict in
          switch verdict {
          case .success: publish(broadcast, by: connection, worker: worker)
          case .failure(let refusal): refuse(refusal, connection)
          }
        }
      }
    } catch {
      refuse(error, connection)
    }
  }

  private static func refuse(_ refusal: Refusal, _ connection: HTTPConnection) {
    log(refusal, worker: connection.worker)
    connection.reply(.refusal(refusal))
  }

  // MARK: The steps of one publish

  /// `grant` is of an earlier publish of the same connection.
  static func read(
    _ json: UnsafeRawBufferPointer, like grant: Grant?, worker: Worker
  ) throws(Refusal) -> BroadcastRequest {
    guard !worker.isDraining else {
      throw Refusal(.draining, "the server is shutting down; publish again in a second")
    }
    return try BroadcastRequest(json: json, like: grant?.request.token, grant?.request.topics ?? [])
  }

  /// Whether `broadcast` may be published, as far as that is known at once.
  static func authorization(
    of broadcast: BroadcastRequest, bearerToken: @autoclosure () -> String?, for connection: Connection,
    remembering grant: inout Grant?
  ) -> Authorization {
    connection.worker.services.authorizer.authorize(
      broadcast.token ?? bearerToken(), scope: .broadcast, topics: broadcast.topics, by: connection,
      remembering: &grant)
  }

  static func publish(_ broadcast: BroadcastRequest, by publisher: any Publishing, worker: Worker) {
    worker.services.hub
      .publish(broadcast.message, to: broadcast.topics, id: broadcast.id, by: publisher, on: worker.loop)
  }

  /// One line each, but for those that are told to slow down: they would write the log full.
  static func log(_ refusal: Refusal, worker: Worker) {
    if refusal.code == .rateLimited { return worker.tally.rateLimited += 1 }
    worker.services.logger.info(
      "publish refused", metadata: [LogKey.code: "\(refusal.code.rawValue)", LogKey.reason: "\(refusal.message)"])
  }
}
