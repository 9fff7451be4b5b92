import NotifluxJWT
import NotifluxProtocol

@testable import NotifluxServer

extension Authorizer {
  /// For one who has failed no check yet.
  func authorize(_ token: String?, scope: Scope, topics: [Topic]) -> Authorization {
    authorize(token, scope: scope, topics: topics, by: TestPayer())
  }
}

/// Who pays for failed checks in a test without connections.
final class TestPayer: CheckPayer {
  var client: ClientAddress
  var failedChecks = RateBucket()

  init(client: ClientAddress = .unknown) { self.client = client }
}
