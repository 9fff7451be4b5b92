import CommandTable
import NotifluxJWT
import NotifluxProtocol

/// `notiflux token`: makes tokens, one subcommand a scope, and looks into them.
enum TokenCommand {
  static let topics = Argument(
    oneOrMore: "TOPIC", .text("TOPIC"), help: "The topics the token is for, each allowed exactly as it stands")
  static let ttl = Option(
    "ttl", short: "t", .duration(in: .seconds(1) ... .seconds(10 * 365 * 86400)), default: "60s",
    help: "The token expires after this time")
  static let subject = Option("subject", short: "s", .text("SUBJECT"), help: "Whom the token is for (claim sub)")
  static let id = Option(
    "jti", .text("ID"), help: "Name the token itself (claim jti), by which it can be revoked")
  static let thumbprint = Option(
    flag: "kid", help: "Name the key in the token's header, by its RFC 7638 thumbprint",
    details: ["A server with several public keys then tries the right one first."])
  static let keyID = Option(
    "key-id", .text("ID"), help: "Name the key in the token's header as ID, its kid in a JWK Set")

  static let command: Command = Command(
    "token", summary: "Make and inspect tokens",
    discussion: [
      "A token is a JWT (RFC 7519) signed with ES256. It names its topics and opens them for one thing: subscribing or "
        + "broadcasting."
    ],
    subcommands: [
      making(.subscribe, summary: "Make a token to subscribe with"),
      making(.broadcast, summary: "Make a token to publish with"),
      TokenInspectCommand.command,
    ])

  private static func making(_ scope: Scope, summary: String) -> Command {
    Command(
      scope.rawValue, summary: summary,
      discussion: ["Prints the token and a newline, nothing else. Anyone who has it can use it until it expires."],
      arguments: [topics], options: KeyOptions.rows + [ttl, subject, id, thumbprint, keyID],
      exclusive: [[thumbprint, keyID]],
      examples: [
        Example(
          "notiflux token \(scope.rawValue) news --key es256_private.pem --ttl 5m",
          "A token for one topic, for five minutes."
        )
      ],
      run: { settings in try make(scope, settings) })
  }

  private static func make(_ scope: Scope, _ settings: Settings) throws -> ExitCode {
    guard let key = try KeyOptions.privateKey(settings) else {
      throw settings.usageError(
        "a private key is needed; give --key FILE, or set NOTIFLUX_PRIVATE_KEY_FILE or NOTIFLUX_PRIVATE_KEY_B64")
    }
    for topic in settings[topics] { _ = try settings.topic(topic, of: topics) }
    let minter = TokenMinter(
      key: key, timeToLive: settings[ttl], subject: settings[subject],
      keyID: settings[thumbprint] ? key.publicKey.thumbprint : settings[keyID], id: settings[id])
    try StandardStream.output.write(try minter.token(scope, topics: settings[topics]) + "\n")
    return .success
  }
}
