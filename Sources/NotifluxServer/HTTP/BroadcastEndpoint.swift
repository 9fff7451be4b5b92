import Logging
import NIOCore
import NotifluxProtocol

/// `POST /broadcast`: publishes one message to one or several topics.
enum BroadcastEndpoint {
  static func respond(to request: HTTPRequest, worker: Worker) -> HTTPReply {
    do throws(Refusal) {
      guard !worker.isDraining else {
        throw Refusal(.draining, "the server is shutting down; publish again in a second")
      }
      guard isJSON(request.mediaType) else {
        throw Refusal(.unsupportedMediaType, "the body must be JSON; send Content-Type: application/json")
      }
      return .later(try publish(request, worker))
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

  private static func publish(
    _ request: HTTPRequest, _ worker: Worker
  ) throws(Refusal) -> EventLoopFuture<HTTPResponse> {
    let broadcast = try request.body.readBroadcastRequest()
    try worker.services.authorizer.authorize(
      broadcast.token ?? request.bearerToken, scope: .broadcast, topics: broadcast.topics)
    return worker.services.hub
      .publish(broadcast.message, to: broadcast.topics, id: broadcast.id, on: worker.loop)
      .map { .json(BroadcastAnswer.accepted($0).json) }
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
