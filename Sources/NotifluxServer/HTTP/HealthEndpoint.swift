import NotifluxProtocol

/// `GET /health`: the process serves. `GET /ready`: it wants traffic.
enum HealthEndpoint {
  static func health() -> Reply { .answer(.json(#"{"status":"ok"}"#)) }

  static func ready(worker: Worker) -> Reply {
    if worker.services.readiness.isDraining { return .refusal(Refusal(.draining, "the server is shutting down")) }
    return .answer(.json(#"{"status":"ready"}"#))
  }
}
