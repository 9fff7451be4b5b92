import Logging
import NotifluxProtocol

/// What happens to clients that whoever operates the server wants to know: counted, and told in the log.
extension Worker {
  /// What a client may be refused.
  enum Wish { case publish, subscribe }

  /// A client was told no. Who is told to slow down has no line of its own: it would write the log full.
  func refused(_ wish: Wish, _ refusal: Refusal, of connection: Connection) {
    switch wish {
    case .publish: counters.publishesRefused[refusal.code] += 1
    case .subscribe: counters.subscribesRefused[refusal.code] += 1
    }
    switch refusal.code {
    case .rateLimited: return counters.limitsReached[.rates] += 1
    case .tooManySubscriptions: counters.limitsReached[.subscriptions] += 1
    default: break
    }
    log.info(wish == .publish ? "publish refused" : "subscribe refused", code: refusal.code.rawValue) {
      connection.logData.merging([LogKey.reason: "\(refusal.message)"]) { $1 }
    }
  }

  /// A request was given up before it came to anything.
  func refused(_ failure: HTTPFailure, of connection: Connection, isPublish: Bool) {
    if isPublish { counters.publishesRefused[failure.refusal.code] += 1 }
    log.info(isPublish ? "publish refused" : "request refused", code: failure.refusal.code.rawValue) {
      connection.logData.merging([
        LogKey.status: "\(failure.status.rawValue)", LogKey.reason: "\(failure.refusal.message)",
      ]) { $1 }
    }
  }

  /// To be called before the connection is closed for a reason of its client's.
  func closes(_ connection: Connection, for cause: CloseCause, reason: String) {
    counters.connectionsClosed[cause] += 1
    log.info(cause == .slowConsumer ? "slow consumer closed" : "connection closed", code: cause.rawValue) {
      connection.logData.merging([LogKey.reason: "\(reason)"]) { $1 }
    }
  }
}
