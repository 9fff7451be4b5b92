import CommandTable
import NotifluxClient
import NotifluxJWT
import NotifluxProtocol

/// The rows by which `publish` and `listen` find their server and prove who they are, and what they amount to.
enum ConnectionOptions {
  static let url = Option(
    "url", short: "u", .endpoint, default: "http://127.0.0.1:8080", environment: "NOTIFLUX_URL",
    help: "Talk to the server at URL: http, https, ws or wss",
    details: ["A path is taken for the prefix under which a proxy serves notiflux."])
  static let token = Option(
    "token", short: "t", .text("TOKEN", accepted: "a token, @FILE or -"), environment: "NOTIFLUX_TOKEN",
    help: "Show this token; @FILE reads it from a file, - from standard input", isSecret: true)
  static let caFile = Option(
    "ca-file", .file, environment: "NOTIFLUX_CA_FILE", help: "Trust the certificate authorities in FILE too (PEM)")

  static let rows: [any OptionRow] = [url, token] + KeyOptions.rows + [caFile]
  /// At most one of them may be typed.
  static let exclusive: [any OptionRow] = [token, KeyOptions.key]

  /// `nil` when neither a token nor a key was given. What is typed beats the environment.
  static func credentials(_ settings: Settings) throws -> Credentials? {
    let keyIsTyped = if case .flag = settings.origin(of: KeyOptions.key) { true } else { false }
    if !keyIsTyped, let given = settings[token] { return .token(try tokenText(given)) }
    return try KeyOptions.privateKey(settings).map { .minter(TokenMinter(key: $0)) }
  }

  static func missingCredentials(_ settings: Settings) -> UsageError {
    settings.usageError("a token is needed; give --token TOKEN or --key FILE, or set NOTIFLUX_TOKEN")
  }

  /// The token itself, where a file or standard input was named in its place.
  static func tokenText(_ given: String) throws -> String {
    guard given == "-" || given.hasPrefix("@") else { return given }
    let bytes = try File.read(given == "-" ? "-" : String(given.dropFirst()))
    guard let text = String(validating: bytes, as: UTF8.self) else {
      let place = given == "-" ? "standard input" : String(given.dropFirst())
      throw CommandFailure("\(place): this is no token: it is not text")
    }
    return String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}

/// What a client can show a server.
enum Credentials: Sendable {
  case token(String)
  /// Makes tokens as they are needed.
  case minter(TokenMinter)

  /// A token for `topics`; the given one where there is one, for whatever it is good.
  func token(_ scope: Scope, topics: [Topic]) throws -> String {
    switch self {
    case .token(let token): token
    case .minter(let minter): try minter.token(scope, topics: topics.map(\.text))
    }
  }
}

extension ValueKind where Value == Endpoint {
  static var endpoint: Self {
    ValueKind(placeholder: "URL", accepted: "a URL such as http://127.0.0.1:8080") { text throws(ValueProblem) in
      do { return try Endpoint(text) } catch { throw ValueProblem("is no server's address: \(error)") }
    }
  }
}

extension ClientError {
  /// The exit code for a command that ends with this error.
  var exitCode: ExitCode {
    switch self {
    case .refused(let refusal, _): refusal.code.exitCode
    case .unreachable, .tls, .unexpectedAnswer(_, 502...504, _): .unreachable
    case .timedOut: .timedOut
    case .unexpectedAnswer, .closed, .cancelled, .noToken: .failure
    }
  }
}

extension ErrorCode {
  /// What a refusal with this code means for a script: that it lacks the right, that it may try later, or that it did
  /// something wrong.
  var exitCode: ExitCode {
    switch self {
    case .tokenMissing, .tokenMalformed, .tokenSignature, .tokenExpired, .tokenNotYetValid, .tokenClaims, .tokenScope,
      .topicNotAllowed:
      .refused
    case .draining: .unreachable
    case .timeout: .timedOut
    case .topicInvalid, .badRequest, .tooLarge, .tooManySubscriptions, .rateLimited, .notFound, .methodNotAllowed,
      .unsupportedMediaType, .internal:
      .failure
    }
  }
}

extension Settings {
  /// A word of `argument` as a topic; throws a usage error that says what a topic may be.
  func topic<Value>(_ text: String, of argument: Argument<Value>) throws -> Topic {
    do { return try Topic(text) } catch {
      throw rejection(of: argument, text, because: "is no topic: \(error.message)")
    }
  }
}
