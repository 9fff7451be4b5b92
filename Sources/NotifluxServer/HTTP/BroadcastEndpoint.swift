import Logging
import NIOCore
import NotifluxProtocol

/// `POST /broadcast`: publishes one message to one or several topics. A body of lines is a ``BatchRun`` instead.
enum BroadcastEndpoint {
  static func respond(to request: HTTPRequest, worker: Worker) -> HTTPReply {
    do throws(Refusal) {
      guard isJSON(request.mediaType) else {
        throw Refusal(
          .unsupportedMediaType,
          "the body must be JSON; send Content-Type: application/json, or application/x-ndjson for many")
      }
      let answer = try publish(request.body, bearerToken: request.bearerToken, worker: worker)
      return .later(answer.map { .json(BroadcastAnswer.accepted($0).json) })
    } catch {
      worker.services.logger.info(
        "publish refused", metadata: [LogKey.code: "\(error.code.rawValue)", LogKey.reason: "\(error.message)"])
      return .now(HTTPFailure(error).response)
    }
  }

  /// As the seed had it, with any `+json` type (RFC 6839 §3.1). A request that names no type is taken to mean it.
  private static func isJSON(_ type: String?) -> Bool {
    guard let type else { return true }
    return type == "application/json" || type.hasPrefix("application/") && type.hasSuffix("+json")
  }

  /// Whether the body is lines, each a publish of its own.
  static func isBatch(_ request: HTTPRequest) -> Bool {
    request.head.method == .POST && request.mediaType == EventStream.ndjson.rawValue
  }

  /// Publishes what one JSON object asks for; throws why not.
  static func publish(
    _ json: ByteBuffer, bearerToken: String?, worker: Worker
  ) throws(Refusal) -> EventLoopFuture<Cursor> {
    guard !worker.isDraining else {
      throw Refusal(.draining, "the server is shutting down; publish again in a second")
    }
    let broadcast = try json.readBroadcastRequest()
    try worker.services.authorizer.authorize(
      broadcast.token ?? bearerToken, scope: .broadcast, topics: broadcast.topics)
    return worker.services.hub
      .publish(broadcast.message, to: broadcast.topics, id: broadcast.id, on: worker.loop)
  }
}

extension ByteBuffer {
  fileprivate func readBroadcastRequest() throws(Refusal) -> BroadcastRequest {
    // A closure's typed throw does not pass through `withUnsafeReadableBytes`, its result does.
    try withUnsafeReadableBytes { bytes in
      Result { () throws(Refusal) -> BroadcastRequest in try BroadcastRequest(json: bytes) }
    }.get()
  }
}
