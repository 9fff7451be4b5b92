import NotifluxProtocol

/// `GET /health`: the process serves. `GET /ready`: it wants traffic.
enum HealthEndpoint {
  static func health() -> HTTPReply { .now(.json(Array(#"{"status":"ok"}"#.utf8))) }

  static func ready(worker: Worker) -> HTTPReply {
    if worker.isDraining { return .now(HTTPFailure(.draining, "the server is shutting down").response) }
    return .now(.json(Array(#"{"status":"ready"}"#.utf8)))
  }
}
