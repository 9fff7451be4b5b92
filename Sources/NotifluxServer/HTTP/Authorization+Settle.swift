import NotifluxProtocol

extension Authorization {
  /// Calls `done` once, on `loop`, where this is called too: at once, unless a signature is still to be checked.
  func settle(on loop: any WorkerLoop, _ done: @escaping (TokenVerdict) -> Void) {
    switch self {
    case .granted(let names): done(.success(names))
    case .refused(let refusal): done(.failure(refusal))
    case .unverified(let verification): verification.run(on: loop, done)
    }
  }
}
