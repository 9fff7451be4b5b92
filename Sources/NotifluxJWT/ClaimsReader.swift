import NotifluxProtocol

/// Reads the claims of a payload (RFC 7519 §4) and finds every reason why they cannot be accepted at any time; time, scope
/// and topics are judged by `ClaimsJudge`.
struct ClaimsReader {
  /// Nil where the payload is no JSON object.
  private(set) var object: JSONObject?
  /// Nil where something is wrong.
  private(set) var claims: Claims?
  private(set) var problems: [Refusal] = []

  init(_ payload: [UInt8]) {
    do {
      guard case .object(let object) = try JSONValue.parse(payload) else {
        problems = [Refusal(.tokenMalformed, "token payload is not a JSON object")]
        return
      }
      self.object = object
    } catch {
      problems = [Refusal(.tokenMalformed, "token payload is not acceptable JSON: \(error.messageWithoutNames)")]
      return
    }
    read()
  }

  private mutating func read() {
    let expires = date("exp", required: true)
    let notBefore = date("nbf")
    let issuedAt = date("iat")
    let topics = topics()
    let scope = scope()
    let id = text("jti")
    if object?["aud"] != nil {
      refuse("token has the claim \"aud\"; this server is nobody's named audience: leave it out")
    }
    guard problems.isEmpty, let expires, let topics, let scope else { return }
    var claims = Claims(
      topics: topics, scope: scope, expires: expires, notBefore: notBefore, issuedAt: issuedAt, id: id)
    claims.subjectValue = object?["sub"]
    self.claims = claims
  }

  private mutating func date(_ name: String, required: Bool = false) -> Double? {
    let wanted = "a number (seconds since 1970)"
    guard let value = object?[name] else {
      if required { refuse("claim \"\(name)\" is missing; it must be \(wanted)") }
      return nil
    }
    guard case .number(let number) = value else {
      refuse("claim \"\(name)\" is \(value.kind); it must be \(wanted)")
      return nil
    }
    guard let seconds = number.double else {
      refuse("claim \"\(name)\" is too large a number")
      return nil
    }
    return seconds
  }

  private mutating func topics() -> [String]? {
    guard let value = object?["topics"] else {
      refuse("claim \"topics\" is missing; it must be an array of strings")
      return nil
    }
    guard case .array(let elements) = value else {
      refuse("claim \"topics\" is \(value.kind); it must be an array of strings")
      return nil
    }
    var topics: [String] = []
    topics.reserveCapacity(elements.count)
    for element in elements {
      guard case .string(let topic) = element else {
        refuse("claim \"topics\" holds \(element.kind); it must be an array of strings")
        return nil
      }
      topics.append(topic)
    }
    return topics
  }

  private mutating func scope() -> Scope? {
    guard let value = object?["scope"] else {
      refuse("claim \"scope\" is missing; it must be \"subscribe\" or \"broadcast\"")
      return nil
    }
    guard case .string(let name) = value else {
      refuse("claim \"scope\" is \(value.kind); it must be \"subscribe\" or \"broadcast\"")
      return nil
    }
    guard let scope = Scope.allCases.first(where: { $0.rawValue.hasSameBytes(as: name) }) else {
      refuse("claim \"scope\" is neither \"subscribe\" nor \"broadcast\"")
      return nil
    }
    return scope
  }

  private mutating func text(_ name: String) -> String? {
    guard let value = object?[name] else { return nil }
    guard case .string(let text) = value else {
      refuse("claim \"\(name)\" is \(value.kind); it must be a string")
      return nil
    }
    return text
  }

  private mutating func refuse(_ message: String) {
    problems.append(Refusal(.tokenClaims, message))
  }
}
